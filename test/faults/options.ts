import { parseArgs } from 'node:util';
import { faults, type Fault, type Service } from './faults.js';

const SERVICES: readonly Service[] = ['locks', 'queues', 'cache'];

export const USAGE = `npm run test:faults -- [options]
Without options: a short campaign over every fault, and the known faults that the judges must catch.
  --minutes M      runs rounds, each fault alone and then mixed, until so many minutes are over
  --rounds N       runs so many rounds instead
  --seed N         of the first round; each further one has the next (else from the clock)
  --faults a,b     only these; none: nothing goes wrong. There are: ${faults.map(({ name }) => name).join(', ')}
  --mixed          two of the faults at once in every round
  --services x,y   only these of ${SERVICES.join(', ')}
  --report DIR     writes the report there (docs/results unless given, with --minutes)
  --add            adds it to the report that is there
  --no-known       leaves the known faults out`;

/** What was asked for. */
export interface Options {
  readonly minutes: number | undefined;
  readonly rounds: number | undefined;
  readonly seed: number;
  /** Undefined: every one in turn. */
  readonly faults: readonly Fault[] | undefined;
  readonly mixed: boolean;
  readonly services: readonly Service[];
  readonly report: string | undefined;
  readonly add: boolean;
  readonly known: boolean;
}

/** @throws Error with one sentence where the options make no sense */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      minutes: { type: 'string' },
      rounds: { type: 'string' },
      seed: { type: 'string' },
      faults: { type: 'string' },
      services: { type: 'string' },
      report: { type: 'string' },
      mixed: { type: 'boolean', default: false },
      add: { type: 'boolean', default: false },
      known: { type: 'boolean', default: true },
    },
  });
  const minutes = positive('minutes', values.minutes);
  const rounds = positive('rounds', values.rounds);
  const asked = values.minutes !== undefined || values.rounds !== undefined || values.faults !== undefined;
  return {
    minutes,
    rounds,
    seed: positive('seed', values.seed) ?? 1 + (Date.now() % 1_000_000),
    faults: values.faults === undefined ? undefined : faultsOf(values.faults),
    mixed: values.mixed,
    services: servicesOf(values.services),
    report: values.report ?? (minutes === undefined ? undefined : 'docs/results'),
    add: values.add,
    // They are part of the short campaign, and of a long one's report.
    known: values.known && (!asked || minutes !== undefined),
  };
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
