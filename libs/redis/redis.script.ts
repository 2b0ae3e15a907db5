import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A Lua script of ours, ready to be sent. `Answer` is the shape that its header promises. */
export interface LuaScript<Answer = unknown> {
  readonly name: string;
  readonly numberOfKeys: number;
  readonly text: string;
  readonly sha1: string;
  /** Never set; carries the type of the answer. */
  readonly answer?: Answer;
}

/**
 * Loads `<name>-<number of keys>.lua` and puts the files it includes in their places.
 *
 * A script starts with an optional `#!lua` line and a comment that has one line `-- KEYS[n] ...` per key, in order, and
 * one `-- Answers ...`; a line `--- @include "name"` stands for `name.lua` in one of the include folders, once.
 *
 * @param folder the folder of the script
 * @param file its name without `.lua`, such as `acquire-6`
 * @param includeFolders where to look for includes; the script's own `includes/` comes first
 * @throws Error where the file is missing or its header does not fit its name
 */
export function loadScript<Answer>(folder: URL, file: string, ...includeFolders: URL[]): LuaScript<Answer> {
  const directory = fileURLToPath(folder);
  const path = join(directory, `${file}.lua`);
  const [, name, keys] = /^([a-z-]+)-(\d+)$/.exec(basename(file)) ?? [];
  if (name === undefined) throw new Error(`${path}: a script is named <name>-<number of keys>.lua`);
  const numberOfKeys = Number(keys);
  const source = readFileSync(path, 'utf8');
  checkHeader(path, source, numberOfKeys);
  const searched = [join(directory, 'includes'), ...includeFolders.map((url) => fileURLToPath(url))];
  const text = withIncludes(path, source, searched, new Set());
  return { name, numberOfKeys, text, sha1: createHash('sha1').update(text).digest('hex') };
}

function checkHeader(path: string, source: string, numberOfKeys: number): void {
  const header = source.split('\n').slice(source.startsWith('#!') ? 1 : 0);
  const comment = header.slice(
    0,
    header.findIndex((line) => !line.startsWith('--')),
  );
  const described = comment.flatMap((line) => /^-- KEYS\[(\d+)\] \S/.exec(line)?.[1] ?? []).map(Number);
  const expected = Array.from({ length: numberOfKeys }, (_, index) => index + 1);
  if (described.join() !== expected.join()) {
    throw new Error(`${path}: the header describes KEYS ${described.join() || 'none'}, the name says ${numberOfKeys}`);
  }
  if (!comment.some((line) => line.startsWith('-- Answers ')))
    throw new Error(`${path}: the header lacks "-- Answers"`);
}

function withIncludes(path: string, source: string, folders: string[], done: Set<string>): string {
  return source.replace(/^--- @include "([\w/-]+)"$/gm, (_, name: string) => {
    const found = folders.map((folder) => join(folder, `${name}.lua`)).find((candidate) => existsSync(candidate));
    if (found === undefined) throw new Error(`${path}: no include ${name}.lua in ${folders.join(', ')}`);
    if (done.has(found)) return '';
    done.add(found);
    return withIncludes(found, readFileSync(found, 'utf8').trimEnd(), folders, done);
  });
}
