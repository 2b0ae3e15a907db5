import type { Plan } from './campaign.js';
import { faults, type Fault } from './faults.js';
import type { Options } from './options.js';

const ROUND_MS = 10_000;

/**
 * The rounds one after the other, without end where the time says when it is enough. A round is what its seed says: its
 * place in the programme, its clients and its faults.
 */
export function* plans(options: Options & { readonly seed: number }): Generator<Plan> {
  const { minutes, seed, services } = options;
  const programme = programmeOf(options);
  const most = options.rounds ?? (minutes === undefined ? programme.length : Infinity);
  for (let number = seed; number < seed + most; number += 1) {
    yield { faults: programme[number % programme.length] ?? [], services, seed: number, ms: ROUND_MS };
  }
}

/** No fault, each alone, and then mixed; only the one where a single one is asked for. */
function programmeOf({ mixed, faults: asked = faults }: Options): readonly (readonly Fault[])[] {
  if (mixed || asked.length < 2) return [asked];
  // Where data is lost, judges can say less of the rest.
  const keeping = asked.filter(({ loses = false }) => !loses);
  return [[], ...asked.map((one) => [one]), keeping, keeping, asked];
}
