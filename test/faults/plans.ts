import type { Plan } from './campaign.js';
import { faults, promising, type Fault, type Service } from './faults.js';
import type { Options } from './options.js';

const ROUND_MS = 10_000;
const MIXED_ROUNDS = 2;

/**
 * The rounds one after the other, without end where the time says when it is enough. A round is what its seed says: its
 * place in the programme, its clients and its faults.
 */
export function* plans(options: Options & { readonly seed: number }): Generator<Plan> {
  const { minutes, seed } = options;
  const programme = programmeOf(options);
  const most = options.rounds ?? (minutes === undefined ? programme.length : Infinity);
  for (let number = seed; number < seed + most; number += 1) {
    const turn = programme[number % programme.length];
    if (turn) yield { ...turn, seed: number, ms: ROUND_MS };
  }
}

type Turn = Pick<Plan, 'faults' | 'services'>;

/** No fault, each alone, and then mixed; only the one where a single one is asked for. */
function programmeOf({ mixed, faults: asked = faults, services }: Options): readonly Turn[] {
  const alone = (all: readonly Fault[]): Turn => ({ faults: all, services: promising(services, ...all) });
  const together = mixedOf(asked, services);
  if (mixed) return [together];
  if (asked.length < 2) return [alone(asked)];
  const some = Array.from({ length: MIXED_ROUNDS }, () => together);
  return [alone([]), ...asked.map((one) => alone([one])), ...some, alone(asked)].filter(
    (turn) => turn.services.length > 0,
  );
}

/** Those under which all of the services promise something. */
function mixedOf(asked: readonly Fault[], services: readonly Service[]): Turn {
  return { faults: asked.filter((one) => promising(services, one).length === services.length), services };
}
