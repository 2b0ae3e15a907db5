import { get, post, type Answer, type JsonObject } from '../cluster/index.js';

/** Makes calls through the balancer, and keeps what must not have been. */
export class Caller {
  /** Calls that were not answered 200. */
  readonly failures: string[] = [];
  /** Answers that cannot be, if nothing is lost and nothing old is served. */
  readonly wrong: string[] = [];
  calls = 0;
  /** Waits that were too long for a node that stopped, and were told to ask another one. */
  told = 0;

  /**
   * @param url of the balancer
   * @param stopped when clients are to begin nothing more
   */
  constructor(
    private readonly url: string,
    readonly stopped: AbortSignal,
  ) {}

  /** @returns the body of the answer; undefined where the call failed, which is kept */
  async post(path: string, body: JsonObject): Promise<JsonObject | undefined> {
    return this.#bodyOf(path, await this.#call(() => post(this.url + path, body)));
  }

  async get(path: string): Promise<JsonObject | undefined> {
    return this.#bodyOf(path, await this.#call(() => get(this.url + path)));
  }

  /** As {@link post}, for a wait that may outlast a node's notice: told that it had no effect, it is made again. */
  async wait(path: string, body: JsonObject): Promise<JsonObject | undefined> {
    for (;;) {
      const answer = await this.#call(() => post(this.url + path, body));
      if (!(answer instanceof Error) && answer.status === 503 && isLetGo(answer)) this.told += 1;
      else return this.#bodyOf(path, answer);
      if (this.stopped.aborted) return undefined;
    }
  }

  check(good: boolean, otherwise: string): void {
    if (!good) this.wrong.push(otherwise);
  }

  async #call(send: () => Promise<Answer>): Promise<Answer | Error> {
    this.calls += 1;
    return await send().catch((error: unknown) => error as Error);
  }

  #bodyOf(path: string, answer: Answer | Error): JsonObject | undefined {
    if (!(answer instanceof Error) && answer.status === 200) return answer.body;
    const what =
      answer instanceof Error
        ? `${answer.message} (${String(answer.cause)})`
        : `${answer.status} from ${answer.headers.get('x-node') ?? 'the balancer'}: ${answer.text}`;
    this.failures.push(`${path}: ${what}`);
    return undefined;
  }
}

/** What the contract says of a wait on a node that stops. */
function isLetGo({ body, headers }: Answer): boolean {
  const detail = body['detail'];
  return (
    body['mayHaveTakenEffect'] === false &&
    headers.get('retry-after') === '1' &&
    typeof detail === 'string' &&
    detail.startsWith('This node is stopping')
  );
}
