import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadScript } from '#lib/redis';

describe('loading a script', () => {
  let directory: string;
  let folder: URL;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'scripts-'));
    folder = pathToFileURL(`${directory}/`);
    mkdirSync(join(directory, 'includes'));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  const write = (name: string, ...lines: string[]) => {
    writeFileSync(join(directory, name), lines.join('\n'));
  };

  it('takes the number of keys from the name and puts includes in their places, each once', () => {
    write('includes/time.lua', 'local now = 1');
    write('includes/step.lua', '--- @include "time"', 'local step = 2');
    write(
      'take-2.lua',
      '#!lua',
      '-- KEYS[1] a',
      '-- KEYS[2] b',
      '-- Answers 3',
      '--- @include "step"',
      '--- @include "time"',
      'local function run() return 3 end',
    );
    const script = loadScript(folder, 'take-2');
    expect(script).toMatchObject({ name: 'take', numberOfKeys: 2 });
    expect(script.text.match(/local now = 1/g)).toHaveLength(1);
    expect(script.text).toMatch(/local now = 1\nlocal step = 2\n\nlocal function run\(\) return 3 end\n/);
  });

  it('finds includes of other folders, the own ones first', () => {
    const other = join(directory, 'other');
    mkdirSync(other);
    write('includes/a.lua', 'local own = 1');
    write('other/a.lua', 'local foreign = 1');
    write('other/b.lua', 'local foreign = 2');
    write('take-0.lua', '-- Answers 1', '--- @include "a"', '--- @include "b"');
    const { text } = loadScript(folder, 'take-0', [pathToFileURL(`${other}/`)]);
    expect(text).toContain('local own = 1');
    expect(text).toContain('local foreign = 2');
  });

  it.each([
    ['a name without a number of keys', 'take', ['-- Answers 1'], /<name>-<number of keys>/],
    ['a header that describes fewer keys', 'take-2', ['-- KEYS[1] a', '-- Answers 1'], /KEYS 1, the name says 2/],
    [
      'a header that describes keys out of order',
      'take-2',
      ['-- KEYS[2] a', '-- KEYS[1] b', '-- Answers 1'],
      /KEYS 2,1/,
    ],
    ['a header without the answers', 'take-1', ['-- KEYS[1] a'], /lacks "-- Answers"/],
    ['an include that is nowhere', 'take-0', ['-- Answers 1', '--- @include "gone"'], /no include gone\.lua/],
  ])('refuses %s', (_, file, lines, message) => {
    write(`${file}.lua`, ...lines, 'return 1');
    expect(() => loadScript(folder, file)).toThrow(message);
  });
});
