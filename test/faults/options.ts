import { parseArgs } from 'node:util';
import { faults, SERVICES, type Fault, type Service } from './faults.js';

/** Where the last long campaign stands. */
const REPORT = 'docs/results';

export const USAGE = `npm run test:faults -- [options]
Without options: a short campaign over every fault, and the builds with a known fault, which the judges must catch.
  --minutes M      runs rounds, with each fault alone and with two at once, until so many minutes are over
  --rounds N       runs so many rounds instead
  --seed N         of the first round; each further one has the next (else from the clock)
  --faults a,b     only these; none: nothing goes wrong. There are: ${faults.map(({ name }) => name).join(', ')}
  --mixed          two of the faults at once in every round
  --services x,y   only these of ${SERVICES.join(', ')}
  --known          the builds with a known fault: alone, or with --minutes or --rounds beside them
  --report DIR     writes the report there (${REPORT} unless given, with --minutes and with --add)
  --add            adds to the report that is there: a long campaign in pieces. Goes on after its last seed unless told`;

/** What was asked for. */
export interface Options {
  readonly minutes: number | undefined;
  readonly rounds: number | undefined;
  /** Undefined: after the last of the report. */
  readonly seed: number | undefined;
  /** Undefined: every one in turn. */
  readonly faults: readonly Fault[] | undefined;
  readonly mixed: boolean;
  readonly services: readonly Service[];
  readonly report: string | undefined;
  readonly add: boolean;
  /** Whether rounds are to be run. */
  readonly campaign: boolean;
  /** Whether builds with a known fault are to be hunted. */
  readonly known: boolean;
}

/** @throws Error with one sentence where the options make no sense */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string' },
      rounds: { type: 'string' },
      seed: { type: 'string' },
      faults: { type: 'string' },
      services: { type: 'string' },
      report: { type: 'string' },
      mixed: { type: 'boolean', default: false },
      add: { type: 'boolean', default: false },
      known: { type: 'boolean', default: false },
    },
  });
  const minutes = positive('minutes', values.minutes);
  const rounds = positive('rounds', values.rounds);
  const some = [values.minutes, values.rounds, values.faults, values.services].some((value) => value !== undefined);
  const { mixed, add, known } = values;
  return {
    minutes,
    rounds,
    seed: positive('seed', values.seed) ?? (add ? undefined : 1 + (Date.now() % 1_000_000)),
    faults: values.faults === undefined ? undefined : faultsOf(values.faults),
    mixed,
    services: servicesOf(values.services),
    report: values.report ?? (minutes !== undefined || add ? REPORT : undefined),
    add,
    campaign: some || mixed || !known,
    known: known || !(some || mixed || add),
  };
}

/** @returns what asks for the same again */
export function commandOf({ minutes, rounds, seed, faults: some, mixed, services }: Options): string {
  const words = [
    ...(minutes === undefined ? [] : [`--minutes ${minutes}`]),
    ...(rounds === undefined ? [] : [`--rounds ${rounds}`]),
    `--seed ${seed}`,
    ...(some ? [`--faults ${some.map(({ name }) => name).join() || 'none'}`] : []),
    ...(mixed ? ['--mixed'] : []),
    ...(services.length < SERVICES.length ? [`--services ${services.join()}`] : []),
  ];
  return `npm run test:faults -- ${words.join(' ')}`;
}

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} is a number above 0, not "${text}"`);
  return value;
}

function faultsOf(text: string): readonly Fault[] {
  if (text === 'none') return [];
  return text.split(',').map((name) => {
    const fault = faults.find((one) => one.name === name);
    if (!fault) throw new Error(`There is no fault "${name}"; there are: ${faults.map((one) => one.name).join(', ')}`);
    return fault;
  });
}

function servicesOf(text: string | undefined): readonly Service[] {
  if (text === undefined) return SERVICES;
  return text.split(',').map((name) => {
    const service = SERVICES.find((one) => one === name);
    if (!service) throw new Error(`There is no service "${name}"; there are: ${SERVICES.join(', ')}`);
    return service;
  });
}
