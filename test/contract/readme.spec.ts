import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { request, startCluster, type TestCluster } from '../cluster/index.js';

interface Call {
  readonly command: string;
  readonly answer: string;
}

/** The commands of the README's console blocks, each with the answer that is written below it. */
function callsOf(markdown: string): Call[] {
  const blocks = [...markdown.matchAll(/^```console\n([^]*?)^```$/gm)].map(([, text]) => text ?? '');
  return blocks
    .flatMap((block) => block.split(/^\$ /m).slice(1))
    .map((text) => {
      const [command = '', ...answer] = text.trim().split('\n');
      return { command, answer: answer.join('\n') };
    });
}

/** Reads `curl -s URL [-H 'name: value'] [-d 'body']`, all that the README uses of it. */
function parseCurl(command: string): { url: string; headers: Record<string, string>; text: string | undefined } {
  const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
  const headers: Record<string, string> = {};
  let url = '';
  let text: string | undefined;
  expect(words.shift()).toBe('curl');
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '-s') continue;
    if (word === '-d') text = words.shift();
    else if (word === '-H') {
      const [name = '', value = ''] = (words.shift() ?? '').split(': ');
      headers[name] = value;
    } else {
      expect(url, `an option that this test does not know: ${word}`).toBe('');
      url = `http://${word}`;
    }
  }
  return { url, headers, text };
}

/** Tokens and versions are other ones each time: numbers of 13 digits and more. */
function withoutVariables(answer: string): string {
  return answer.replace(/\b\d{13,16}\b/g, '<number>');
}

describe('the README', () => {
  const calls = callsOf(readFileSync(new URL('../../README.md', import.meta.url), 'utf8'));
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await startCluster({ nodes: 3 });
  });
  afterAll(async () => {
    await cluster.stop();
  });

  it('shows the walkthrough', () => {
    expect(calls.length).toBeGreaterThanOrEqual(15);
  });

  it.each(calls)('$command', async ({ command, answer }) => {
    const { url, headers, text } = parseCurl(command);
    const port = Number(new URL(url).port);
    const node = cluster.nodes[port - 8001];
    const answered = await request(
      text === undefined ? 'GET' : 'POST',
      url.replace(/localhost:\d+/, `127.0.0.1:${node?.port ?? 0}`),
      {
        headers,
        ...(text === undefined ? {} : { text }),
      },
    );
    expect(withoutVariables(answered.text)).toBe(withoutVariables(answer));
  });
});
