import { Agent, request as httpRequest } from 'node:http';
import type { AnswerToJudge } from './api.document.js';
import type { Request } from './requests.js';

/** Sends requests as they are, also those that fetch refuses to send, over connections that are kept. */
export class Sender {
  readonly #agent = new Agent({ keepAlive: true });

  constructor(private readonly port: number) {}

  /** @returns the answer; of an event stream its beginning, after which the connection is closed */
  async send({ method, target, headers, text }: Request): Promise<AnswerToJudge> {
    return await new Promise((resolve, reject) => {
      const length = text === undefined ? {} : { 'content-length': String(Buffer.byteLength(text)) };
      const options = {
        port: this.port,
        host: '127.0.0.1',
        agent: this.#agent,
        method,
        path: target,
        headers: { ...headers, ...length },
      };
      const sent = httpRequest(options, (response) => {
        const chunks: Buffer[] = [];
        const done = () => {
          const answer = Buffer.concat(chunks).toString('utf8');
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text: answer });
        };
        const isStream = response.headers['content-type']?.startsWith('text/event-stream') === true;
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          if (!isStream || !Buffer.concat(chunks).includes('\n\n')) return;
          done();
          response.destroy();
        });
        response.on('end', done);
        response.on('error', isStream ? () => undefined : reject);
      });
      sent.on('error', reject);
      sent.end(text);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
