import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Chance } from '../chance.js';
import type { Answer, JsonObject, TestNode } from '../cluster/index.js';
import { judge, shortest, type Verdict } from '../linearizability/checker.js';
import {
  lineModel,
  wroteWhatItSaw,
  type LineInput,
  type LineOperation,
  type LineOutput,
} from '../linearizability/line.model.js';

/** The part of the reads with the longer patience. */
const PATIENT_READS = 0.2;

export interface WorkloadOptions {
  readonly nodes: readonly TestNode[];
  readonly seed: number;
  readonly keys: readonly string[];
  readonly clients?: number;
  /** Aborted when the clients are to stop. */
  readonly signal: AbortSignal;
  /** How long a client waits after each operation. */
  readonly paceMs?: number;
  /** How long a client waits for one answer. */
  readonly patienceMs?: number;
  /** How long it waits for some reads, so that a node that was stopped meanwhile still answers them. */
  readonly longPatienceMs?: number;
  /** Also write values that end. Off where a process is paused: then its answers say little about time. */
  readonly lives?: boolean;
}

/** What clients saw, line by line. */
export interface History {
  readonly seed: number;
  readonly byKey: ReadonlyMap<string, readonly LineOperation[]>;
  readonly operations: number;
  readonly unclear: number;
  readonly hits: number;
}

/** Clients on all nodes do this and that with a few lines, and write down what they asked, were told, and when. */
export async function record(options: WorkloadOptions): Promise<History> {
  const { seed, keys, signal, clients = 9, paceMs = 0 } = options;
  const byKey = new Map<string, LineOperation[]>(keys.map((key) => [key, []]));
  const counts = { hits: 0 };
  const work = Array.from({ length: clients }, async (_, number) => {
    const chance = new Chance(seed * 1000 + number);
    const client = new Client(number, chance, options, byKey, counts);
    while (!signal.aborted) {
      await client.step();
      if (paceMs > 0) await pause(chance.below(2 * paceMs));
    }
  });
  await Promise.all(work);
  const all = [...byKey.values()].flat();
  return {
    seed,
    byKey,
    operations: all.length,
    unclear: all.filter(({ output }) => !output).length,
    hits: counts.hits,
  };
}

/** @returns for each line what the judge says; where it is not linearizable, with the least that shows it */
export function judgeAll({ byKey, seed }: History): { verdict: Verdict; report: string } {
  for (const [key, operations] of byKey) {
    const verdict = judge(operations, lineModel);
    if (verdict === 'linearizable') continue;
    const least = verdict === 'not linearizable' ? shortest(operations, lineModel, wroteWhatItSaw) : [];
    const lines = least.map(
      ({ client, invoked, completed, input, output }) =>
        `  ${invoked.toFixed(1)}..${completed.toFixed(1)} client ${client}: ${JSON.stringify(input)} -> ${JSON.stringify(output)}`,
    );
    return { verdict, report: [`seed ${seed}, line ${key}: ${verdict}`, ...lines].join('\n') };
  }
  return { verdict: 'linearizable', report: '' };
}

/** A read of which the node has received all but the end: it cannot need a new connection, nor a turn of the event loop. */
export class BegunRead {
  private constructor(private readonly socket: Socket) {}

  static async begin({ port }: TestNode, key: string): Promise<BegunRead> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(`GET /cache/read?key=${key} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n`);
    return new BegunRead(socket);
  }

  async finish(): Promise<{ body: JsonObject; version: number }> {
    this.socket.write('\r\n');
    const text = (await this.socket.toArray()).join('');
    const [head = '', body = ''] = text.split('\r\n\r\n');
    if (!head.startsWith('HTTP/1.1 200')) throw new Error(`read was answered ${text}`);
    return { body: JSON.parse(body) as JsonObject, version: Number(/^x-cache-version: (\d+)/im.exec(head)?.[1]) };
  }
}

/** A history of single calls, one after the other or not. */
export class HistoryOfOneLine {
  readonly #operations: LineOperation[] = [];

  constructor(private readonly key: string) {}

  async write(node: TestNode, value: string): Promise<void> {
    const invoked = performance.now();
    const answer = await node.post('/cache/write', { key: this.key, value });
    const input = { kind: 'write', json: JSON.stringify(value) } as const;
    this.#add(invoked, input, outputOf(input, answer.body, 0));
  }

  async read(node: TestNode): Promise<void> {
    const begun = await BegunRead.begin(node, this.key);
    await this.finish(begun);
  }

  /** @param begun a read that counts as asked only now */
  async finish(begun: BegunRead): Promise<void> {
    const invoked = performance.now();
    const { body, version } = await begun.finish();
    this.#add(invoked, { kind: 'read' }, outputOf({ kind: 'read' }, body, version));
  }

  judged(): History {
    const operations = this.#operations;
    return { seed: 0, byKey: new Map([[this.key, operations]]), operations: operations.length, unclear: 0, hits: 0 };
  }

  #add(invoked: number, input: LineInput, output: LineOutput): void {
    this.#operations.push({ client: 0, invoked, completed: performance.now(), input, output });
  }
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
    const node = chance.of(this.options.nodes);
    // Mutations that can be repeated are, on any node, until the answer is clear.
    const requestId =
      input.kind !== 'read' && chance.next() < 0.8 ? `${this.options.seed}-${this.number}-${this.#values}` : undefined;
    const invoked = performance.now();
    let output: LineOutput | 'nothing' | undefined;
    let unclear = false;
    for (let attempt = 0; attempt < (requestId ? 6 : 1); attempt += 1) {
      output = await this.#call(attempt === 0 ? node : chance.of(this.options.nodes), key, input, requestId);
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
    const operations = this.byKey.get(key);
    if (clear) operations?.push({ client: this.number, invoked, completed, input, output: clear });
    // An answer that changed nothing is not remembered for repetitions: an earlier attempt without an answer may still
    // be on its way (to a node that is paused, say), and find the line as it would have it.
    if (!clear || (unclear && clear.kind !== 'written' && clear.kind !== 'deleted')) {
      operations?.push({ client: this.number, invoked, completed: Infinity, input, output: undefined });
    }
  }

  #draw(): LineInput {
    const { chance } = this;
    const dice = chance.next();
    if (dice < 0.7) return { kind: 'read' };
    this.#values += 1;
    const json = String(this.number * 1_000_000 + this.#values * 1000);
    if (dice < 0.82) return { kind: 'write', json };
    if (dice < 0.86 && this.options.lives) return { kind: 'write', json, ttlMs: 30 + chance.below(200) };
    if (dice < 0.91) return { kind: 'write', json, ifVersion: chance.next() < 0.3 ? 0 : (this.#lastVersion ?? 0) };
    return dice < 0.97 ? { kind: 'increment', by: 1 } : { kind: 'delete' };
  }

  /** @returns undefined: no clear answer; nothing: certainly not done */
  async #call(
    node: TestNode,
    key: string,
    input: LineInput,
    requestId: string | undefined,
  ): Promise<LineOutput | 'nothing' | undefined> {
    const { patienceMs = 1000, longPatienceMs = patienceMs } = this.options;
    const forRead = this.chance.happens(PATIENT_READS) ? longPatienceMs : patienceMs;
    // A write may have to wait until a node that is gone is given up on.
    const options = { signal: AbortSignal.timeout(input.kind === 'read' ? forRead : 3 * patienceMs) };
    const repeat = requestId !== undefined && { requestId };
    let answer: Answer;
    try {
      if (input.kind === 'read') answer = await node.get(`/cache/read?key=${encodeURIComponent(key)}`, options);
      else if (input.kind === 'write') {
        const { json, ifVersion, ttlMs } = input;
        const limits = { ...(ifVersion !== undefined && { ifVersion }), ...(ttlMs !== undefined && { ttlMs }) };
        answer = await node.post('/cache/write', { key, value: Number(json), ...limits, ...repeat }, options);
      } else if (input.kind === 'increment')
        answer = await node.post('/cache/increment', { key, by: input.by, ...repeat }, options);
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
  if (input.kind === 'read')
    return { kind: 'found', json: JSON.stringify((body['value'] as JsonObject)['value']), version };
  if (input.kind === 'delete') return { kind: 'deleted' };
  const written = { kind: 'written', version: Number(body['version']) } as const;
  return input.kind === 'increment' ? { ...written, json: JSON.stringify(body['value']) } : written;
}
