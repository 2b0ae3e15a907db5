import type { Incident, Incidents } from './round.js';

/** What a fault says of itself when it begins. */
export type Cause = Pick<Incident, 'fault' | 'nodes'> & Partial<Pick<Incident, 'redis' | 'loss' | 'from'>>;

/** An incident that is still going on. */
export interface Ongoing {
  /** Its cause is taken away. */
  healed(): void;
  /** All is well again. @param inMs or so much later */
  over(inMs?: number): void;
}

/** Keeps what went wrong in a round, and when. */
export class IncidentLog implements Incidents {
  readonly #all: { -readonly [Field in keyof Incident]: Incident[Field] }[] = [];

  get all(): readonly Incident[] {
    return this.#all;
  }

  touched(node: string, from: number, to: number): boolean {
    return this.#all.some(
      (incident) => incident.from <= to && incident.to >= from && (incident.redis || incident.nodes.includes(node)),
    );
  }

  begin({ fault, nodes, redis = false, loss = false, from = performance.now() }: Cause): Ongoing {
    const incident = { fault, nodes, redis, loss, from, healed: Infinity, to: Infinity };
    this.#all.push(incident);
    return {
      healed: () => {
        incident.healed = Math.min(incident.healed, performance.now());
      },
      over: (inMs = 0) => {
        const now = performance.now();
        incident.healed = Math.min(incident.healed, now);
        incident.to = now + inMs;
      },
    };
  }
}
