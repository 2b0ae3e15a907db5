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

/** By how much the product must be ahead of a contender; as a ratio of what both gave in the same round. */
interface Target {
  readonly measure: string;
  readonly against: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Subject {
  readonly name: string;
  /** Of its measures; `/s`: more is better. */
  readonly unit: '/s' | 'ms';
  readonly contenders: readonly Contender[];
  readonly targets: readonly Target[];
}

/** What a contender needs is not on this machine; its subject goes on without it. */
export class Missing extends Error {
  override readonly name = 'Missing';
}

/** An answer that a client could not have used: the bench fails. */
export class WrongAnswer extends Error {
  override readonly name = 'WrongAnswer';
}

export interface Row {
  readonly measure: string;
  readonly contender: string;
  readonly role: Contender['role'];
  readonly value: Spread;
  /** The product's value divided by this one's, round by round. */
  readonly ratio: Spread;
}

export interface Judged extends Target {
  readonly reached: number;
  readonly met: boolean;
}

export interface Result {
  readonly subject: string;
  readonly unit: Subject['unit'];
  readonly rows: readonly Row[];
  readonly targets: readonly Judged[];
  readonly skipped: Readonly<Record<string, string>>;
  /** Per contender, round by round. */
  readonly samples: Readonly<Record<string, readonly Sample[]>>;
}

/**
 * Runs a subject: every contender once per round, one after the other and each round beginning with another one, so
 * that what else the machine does meets all of them. The first round warms up and is not counted.
 */
export async function runSubject(subject: Subject, rounds: number, say: (text: string) => void): Promise<Result> {
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
    for (let round = 0; round <= rounds; round += 1) {
      for (let turn = 0; turn < names.length; turn += 1) {
        const name = names[(round + turn) % names.length] ?? '';
        const sample = await sessions.get(name)?.round();
        if (sample && round > 0) samples[name]?.push(sample);
      }
    }
  } finally {
    for (const session of sessions.values()) await session.stop();
  }
  return { subject: subject.name, unit: subject.unit, ...judge(subject, samples), skipped, samples };
}

function judge(
  subject: Subject,
  samples: Readonly<Record<string, readonly Sample[]>>,
): Pick<Result, 'rows' | 'targets'> {
  const product = subject.contenders.find(({ role }) => role === 'product')?.name ?? '';
  const own = samples[product] ?? [];
  const rows: Row[] = [];
  for (const { name, role } of subject.contenders) {
    const theirs = samples[name] ?? [];
    for (const measure of Object.keys(theirs[0] ?? {})) {
      const values = theirs.map((sample) => sample[measure] ?? NaN);
      const ratios = values.map((value, round) => (own[round]?.[measure] ?? NaN) / value);
      rows.push({ measure, contender: name, role, value: spread(values), ratio: spread(ratios) });
    }
  }
  const targets = subject.targets.flatMap((target) => {
    const row = rows.find(({ measure, contender }) => measure === target.measure && contender === target.against);
    if (!row) return [];
    const reached = median(row.ratio.values);
    const { atLeast = -Infinity, atMost = Infinity } = target;
    return [{ ...target, reached, met: reached >= atLeast && reached <= atMost }];
  });
  return { rows, targets };
}
