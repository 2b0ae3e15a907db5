import { median, spread, type Spread } from './statistics.js';

/** What one round of one contender gave: a number for each measure. */
export type Sample = Readonly<Record<string, number>>;

/** A contender that runs and waits for its next round. */
export interface Session {
  /** @throws WrongAnswer where anything it was told was not right */
  round(): Promise<Sample>;
  stop(): Promise<void>;
}

export interface Contender {
  readonly name: string;
  /** `limit`: what cannot be outdone, such as the framework without any work of ours. */
  readonly role: 'product' | 'control' | 'limit' | 'rival';
  /** @throws Missing where this machine does not have it */
  start(): Promise<Session>;
}

/** What the product has to reach: as a ratio of what both gave in the same round, or as its own figure. */
interface Target {
  readonly measure: string;
  /** The contender by whose figure the product's is divided; the product itself, to compare two of its measures. */
  readonly against?: string;
  /** The measure of that contender, where it is another one. */
  readonly of?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Subject {
  readonly name: string;
  /** Of all its measures, or of each; `/s`: more is better. */
  readonly unit: string | Readonly<Record<string, string>>;
  readonly contenders: readonly Contender[];
  readonly targets: readonly Target[];
  /** At most so many, where a round takes long. */
  readonly rounds?: number;
  /** Every round starts what it measures anew, so that none warms up the others: the first counts as well. */
  readonly startsAnew?: boolean;
  /** What the report says of it beside the figures. */
  readonly note?: string;
  /** `columns`: the contenders beside each other in the report, as for one thing in several sizes. */
  readonly layout?: 'columns';
}

/** What a contender needs is not on this machine; its subject goes on without it. */
export class Missing extends Error {
  override readonly name = 'Missing';
}

/** An answer that a client could not have used: its subject fails. */
export class WrongAnswer extends Error {
  override readonly name = 'WrongAnswer';
}

export interface Row {
  readonly measure: string;
  readonly unit: string;
  readonly contender: string;
  readonly role: Contender['role'];
  readonly value: Spread;
  /** The product's value divided by this one's, round by round. */
  readonly ratio: Spread;
}

export interface Judged extends Target {
  readonly reached: number;
  readonly verdict: 'met' | 'not met' | 'not measured';
}

export interface Result {
  readonly subject: string;
  readonly rounds: number;
  readonly rows: readonly Row[];
  readonly targets: readonly Judged[];
  readonly skipped: Readonly<Record<string, string>>;
  /** Why nothing of it was measured. */
  readonly failed?: string;
  readonly layout?: Subject['layout'];
  readonly note?: Subject['note'];
  /** Per contender, round by round. */
  readonly samples: Readonly<Record<string, readonly Sample[]>>;
}

/** What is known of a subject that ended with an error: no figure, and none of its targets met. */
export function failedSubject({ name, targets }: Subject, error: unknown): Result {
  return {
    subject: name,
    rounds: 0,
    rows: [],
    targets: targets.map((target) => ({ ...target, reached: NaN, verdict: 'not measured' })),
    skipped: {},
    failed: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    samples: {},
  };
}

/**
 * Runs a subject: every contender once per round, one after the other and each round beginning with another one, so
 * that what else the machine does meets all of them. The first round warms up and is not counted, unless each starts anew.
 */
export async function runSubject(subject: Subject, most: number, say: (text: string) => void): Promise<Result> {
  const rounds = Math.min(most, subject.rounds ?? Infinity);
  const sessions = new Map<string, Session>();
  const skipped: Record<string, string> = {};
  const samples: Record<string, Sample[]> = {};
  try {
    for (const contender of subject.contenders) {
      const { name } = contender;
      try {
        sessions.set(name, await contender.start());
        samples[name] = [];
      } catch (error) {
        if (!(error instanceof Missing)) throw error;
        skipped[name] = error.message;
        say(`${subject.name}: without ${name}: ${error.message}`);
      }
    }
    const names = [...sessions.keys()];
    for (let round = subject.startsAnew ? 1 : 0; round <= rounds; round += 1) {
      for (let turn = 0; turn < names.length; turn += 1) {
        const name = names[(round + turn) % names.length] ?? '';
        const sample = await sessions.get(name)?.round();
        if (sample && round > 0) samples[name]?.push(sample);
      }
    }
  } finally {
    for (const session of sessions.values()) await session.stop();
  }
  const { name, layout, note } = subject;
  return {
    subject: name,
    rounds,
    ...judge(subject, samples),
    skipped,
    ...(layout && { layout }),
    ...(note && { note }),
    samples,
  };
}

function judge(
  subject: Subject,
  samples: Readonly<Record<string, readonly Sample[]>>,
): Pick<Result, 'rows' | 'targets'> {
  const product = subject.contenders.find(({ role }) => role === 'product')?.name ?? '';
  const own = samples[product] ?? [];
  const { unit } = subject;
  const rows: Row[] = [];
  for (const { name, role } of subject.contenders) {
    const theirs = samples[name] ?? [];
    for (const measure of Object.keys(theirs[0] ?? {})) {
      rows.push({
        measure,
        unit: typeof unit === 'string' ? unit : (unit[measure] ?? ''),
        contender: name,
        role,
        value: spread(figures(theirs, measure)),
        ratio: spread(ratios(figures(own, measure), figures(theirs, measure))),
      });
    }
  }
  const targets = subject.targets.map((target): Judged => {
    const { measure, against, of = measure, atLeast = -Infinity, atMost = Infinity } = target;
    const theirs = against === undefined ? [] : samples[against];
    if (!theirs) return { ...target, reached: NaN, verdict: 'not measured' };
    const values = figures(own, measure);
    const reached = median(against === undefined ? values : ratios(values, figures(theirs, of)));
    if (Number.isNaN(reached)) throw new Error(`${subject.name}: nothing was measured of ${measure}`);
    return { ...target, reached, verdict: reached >= atLeast && reached <= atMost ? 'met' : 'not met' };
  });
  return { rows, targets };
}

function figures(samples: readonly Sample[], measure: string): number[] {
  return samples.map((sample) => sample[measure] ?? NaN);
}

function ratios(own: readonly number[], theirs: readonly number[]): number[] {
  return theirs.map((value, round) => (own[round] ?? NaN) / value);
}
