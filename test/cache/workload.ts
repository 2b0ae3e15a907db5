import { setTimeout as pause } from 'node:timers/promises';
import type { Answer, JsonObject, TestCluster, TestNode } from '../cluster/index.js';
import { judge, shortest, type Verdict } from '../linearizability/checker.js';
import { lineModel, type LineInput, type LineOperation, type LineOutput } from '../linearizability/line.model.js';

/** Numbers from a seed: the same seed asks the same things in the same order. */
export class Chance {
  constructor(private state: number) {}

  /** @returns at least 0, less than 1 (mulberry32) */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  of<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('nothing to choose from');
    return item;
  }
}

export interface WorkloadOptions {
  readonly cluster: TestCluster;
  readonly seed: number;
  readonly keys: readonly string[];
  readonly clients?: number;
  readonly durationMs: number;
  /** How long a client waits for one answer. */
  readonly patienceMs?: number;
  /** Also write values that end. Off where a process is paused: then its answers say little about time. */
  readonly lives?: boolean;
  /** What goes wrong meanwhile; ends when the signal is aborted. */
  readonly faults?: (chance: Chance, signal: AbortSignal) => Promise<void>;
}

export interface History {
  readonly seed: number;
  readonly byKey: ReadonlyMap<string, readonly LineOperation[]>;
  readonly operations: number;
  readonly unclear: number;
  readonly hits: number;
}

/** Clients on all nodes do this and that with a few lines, and write down what they asked, were told, and when. */
export async function record(options: WorkloadOptions): Promise<History> {
  const { seed, keys, durationMs, clients = 9, faults } = options;
  const byKey = new Map<string, LineOperation[]>(keys.map((key) => [key, []]));
  const stop = new AbortController();
  const counts = { hits: 0 };
  const trouble = faults?.(new Chance(seed), stop.signal);
  const deadline = performance.now() + durationMs;
  const work = Array.from({ length: clients }, async (_, number) => {
    const client = new Client(number, new Chance(seed * 1000 + number), options, byKey, counts);
    while (performance.now() < deadline) await client.step();
  });
  await Promise.all(work);
  stop.abort();
  await trouble;
  const all = [...byKey.values()].flat();
  return { seed, byKey, operations: all.length, unclear: all.filter(({ output }) => !output).length, hits: counts.hits };
}

/** @returns for each line what the judge says; where it is not linearizable, with the least that shows it */
export function judgeAll({ byKey, seed }: History): { verdict: Verdict; report: string } {
  for (const [key, operations] of byKey) {
    const verdict = judge(operations, lineModel);
    if (verdict === 'linearizable') continue;
    const least = verdict === 'not linearizable' ? shortest(operations, lineModel) : [];
    const lines = least.map(({ client, invoked, completed, input, output }) =>
      `  ${invoked.toFixed(1)}..${completed.toFixed(1)} client ${client}: ${JSON.stringify(input)} -> ${JSON.stringify(output)}`);
    return { verdict, report: [`seed ${seed}, line ${key}: ${verdict}`, ...lines].join('\n') };
  }
  return { verdict: 'linearizable', report: '' };
}

class Client {
  #values = 0;
  #lastVersion: number | undefined;

  constructor(
    private readonly number: number,
    private readonly chance: Chance,
    private readonly options: WorkloadOptions,
    private readonly byKey: Map<string, LineOperation[]>,
    private readonly counts: { hits: number },
  ) {}

  async step(): Promise<void> {
    const { chance } = this;
    const key = chance.of(this.options.keys);
    const input = this.#draw();
    const node = chance.of(this.options.cluster.nodes);
    // Mutations that can be repeated are, on any node, until the answer is clear.
    const requestId = input.kind !== 'read' && chance.next() < 0.5 ? `${this.options.seed}-${this.number}-${this.#values}` : undefined;
    const invoked = performance.now();
    let output: LineOutput | 'nothing' | undefined;
    let unclear = false;
    for (let attempt = 0; attempt < (requestId ? 6 : 1); attempt += 1) {
      output = await this.#call(attempt === 0 ? node : chance.of(this.options.cluster.nodes), key, input, requestId);
      if (output !== undefined && output !== 'nothing') break;
      if (output === undefined) unclear = true;
      if (attempt > 0) await pause(50 + chance.below(100));
    }
    const completed = performance.now();
    const clear = output !== undefined && output !== 'nothing' ? output : undefined;
    // Of a read without an answer, and of what certainly was not done, there is nothing to judge.
    if (!clear && (input.kind === 'read' || !unclear)) {
      await pause(20);
      return;
    }
    if (clear?.kind === 'found' || clear?.kind === 'written') this.#lastVersion = clear.version;
    this.byKey.get(key)?.push({ client: this.number, invoked, completed: clear ? completed : Infinity, input, output: clear });
  }

  #draw(): LineInput {
    const { chance } = this;
    const dice = chance.next();
    if (dice < 0.6) return { kind: 'read' };
    this.#values += 1;
    const json = String(this.number * 1_000_000 + this.#values * 1000);
    if (dice < 0.75) return { kind: 'write', json };
    if (dice < 0.8 && this.options.lives) return { kind: 'write', json, ttlMs: 30 + chance.below(200) };
    if (dice < 0.87) return { kind: 'write', json, ifVersion: chance.next() < 0.3 ? 0 : (this.#lastVersion ?? 0) };
    return dice < 0.96 ? { kind: 'increment', by: 1 } : { kind: 'delete' };
  }

  /** @returns undefined: no clear answer; nothing: certainly not done */
  async #call(node: TestNode, key: string, input: LineInput, requestId: string | undefined): Promise<LineOutput | 'nothing' | undefined> {
    const options = { signal: AbortSignal.timeout(this.options.patienceMs ?? 1000) };
    const repeat = requestId !== undefined && { requestId };
    let answer: Answer;
    try {
      if (input.kind === 'read') answer = await node.get(`/cache/read?key=${encodeURIComponent(key)}`, options);
      else if (input.kind === 'write') {
        const { json, ifVersion, ttlMs } = input;
        const limits = { ...(ifVersion !== undefined && { ifVersion }), ...(ttlMs !== undefined && { ttlMs }) };
        answer = await node.post('/cache/write', { key, value: Number(json), ...limits, ...repeat }, options);
      } else if (input.kind === 'increment') answer = await node.post('/cache/increment', { key, by: input.by, ...repeat }, options);
      else answer = await node.post('/cache/delete', { key, ...repeat }, options);
    } catch {
      return undefined;
    }
    if (answer.status === 503) return answer.body['mayHaveTakenEffect'] === false ? 'nothing' : undefined;
    if (answer.status !== 200) throw new Error(`${input.kind} was answered ${answer.status}: ${answer.text}`);
    if (answer.headers.get('x-cache') === 'hit') this.counts.hits += 1;
    return outputOf(input, answer.body, Number(answer.headers.get('x-cache-version')));
  }
}

function outputOf(input: LineInput, body: JsonObject, version: number): LineOutput {
  const reason = body['reason'];
  if (reason === 'not_found' || reason === 'not_a_number') return { kind: reason };
  if (reason === 'version_conflict') return { kind: reason, version: Number(body['version']) };
  if (body['ok'] !== true) throw new Error(`an answer that nobody knows: ${JSON.stringify(body)}`);
  if (input.kind === 'read') return { kind: 'found', json: JSON.stringify((body['value'] as JsonObject)['value']), version };
  if (input.kind === 'delete') return { kind: 'deleted' };
  const written = { kind: 'written', version: Number(body['version']) } as const;
  return input.kind === 'increment' ? { ...written, json: JSON.stringify(body['value']) } : written;
}
