import type { Service } from './faults.js';

/** A build with a fault in it, which a judge must find. */
export interface KnownFault {
  readonly name: string;
  /** In known/, loaded in every node before anything of its own. */
  readonly files: readonly string[];
  readonly service: Service;
  /** The rule that it breaks, as the judge names it. */
  readonly rule: string;
  /** What has to go wrong as well for it to show. */
  readonly under?: string;
  /** How long a round lasts, ms, where most faults' time is too short for it to show. */
  readonly ms?: number;
}
