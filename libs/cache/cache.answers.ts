import type { LocalLine } from './cache.service.js';
import type { LineState } from './line.types.js';

/** `state`: the line's state in the whole system as this read found it, before the change that the read itself causes. */
interface ReadValue {
  readonly state: LineState;
  readonly value: unknown;
}

export type ReadAnswer =
  | { readonly ok: true; readonly value: ReadValue }
  | { readonly ok: false; readonly reason: 'not_found'; readonly value: null };

export interface ReadManyAnswer {
  readonly ok: true;
  /** By key; null where there is no such line. */
  readonly values: Readonly<Record<string, (ReadValue & { readonly version: number }) | null>>;
}

export interface LinesPage {
  readonly ok: true;
  /** The node that was asked. */
  readonly node: string;
  readonly lines: LocalLine[];
  /** null at the end. */
  readonly cursor: string | null;
}
