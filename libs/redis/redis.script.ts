import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A Lua script of ours, ready to be sent. `Answer` is the shape that its header promises. */
export interface LuaScript<Answer = unknown> {
  readonly name: string;
  readonly numberOfKeys: number;
  /**
   * Name of its library and of the one function in it, with a digest of the text: nodes of two versions, as in a rollout,
   * each call their own.
   */
  readonly library: string;
  /** For FUNCTION LOAD. */
  readonly text: string;
  /** For EVAL: the same for one call, where Redis cannot take the library. */
  readonly once: string;
  /** Never set; carries the type of the answer. */
  readonly answer?: Answer;
}

/** Length of the digest in the name of a library. */
const DIGEST = 16;

/** What every script has at hand. */
const AT_HAND = `
-- Calls that are joined are at one time.
local asked, in_micros, in_millis
local function ask_time()
  if asked == COMMAND then return end
  local time = redis.call('TIME')
  asked, in_micros = COMMAND, time[1] * 1000000 + time[2]
  in_millis = math.floor(in_micros / 1000)
end
local function micros()
  ask_time()
  return in_micros
end
local function millis()
  ask_time()
  return in_millis
end
-- Lua's own conversion turns what has more than 14 digits into 1.79e+15. One number is often needed several times.
local number_before, text_before
local function exact(number)
  if number ~= number_before then
    -- -0 is 0, as it is where numbers are compared.
    number_before, text_before = number, string.format('%.0f', number + 0)
  end
  return text_before
end
`;

/**
 * Loads `<name>-<number of keys>.lua` and puts the files it includes in their places.
 *
 * A script starts with an optional line `#!lua flags=..` and a comment that has one line `-- KEYS[n] ...` per key, in
 * order, and one `-- Answers ...`; a line `--- @include "name"` stands for `name.lua` in one of the include folders, once.
 * What it does at a call stands in `local function run()`, which finds the call's keys and arguments in KEYS and ARGV,
 * and in COMMAND a number that it shares with no call but those that are joined with it. `micros()` is Redis's clock in
 * microseconds, `millis()` in milliseconds, and `exact(number)` the text of an integer.
 * Everything outside of functions is made once, when Redis loads the library: `redis.call` is not there yet, and a
 * variable keeps its value from call to call.
 *
 * @param folder the folder of the script; the folder in which that one lies names the library
 * @param file its name without `.lua`, such as `acquire-6`
 * @param includeFolders where to look for includes; the script's own `includes/` comes first
 * @param compose puts further text in its place
 * @throws Error where the file is missing or its header does not fit its name
 */
export function loadScript<Answer>(
  folder: URL,
  file: string,
  includeFolders: readonly URL[] = [],
  compose: (text: string) => string = (text) => text,
): LuaScript<Answer> {
  const directory = fileURLToPath(folder);
  const path = join(directory, `${file}.lua`);
  const [, name, keys] = /^([a-z-]+)-(\d+)$/.exec(basename(file)) ?? [];
  if (name === undefined) throw new Error(`${path}: a script is named <name>-<number of keys>.lua`);
  const source = readFileSync(path, 'utf8');
  const numberOfKeys = Number(keys);
  checkHeader(path, source, numberOfKeys);
  const searched = [join(directory, 'includes'), ...includeFolders.map((url) => fileURLToPath(url))];
  const text = compose(withIncludes(path, source, searched, new Set()));
  return { name, numberOfKeys, ...libraryOf(`${basename(dirname(directory))}_${name}`, numberOfKeys, text) };
}

/**
 * The other versions of a script's library.
 * @param names of all libraries that Redis has of this name
 */
export function otherVersions({ library }: LuaScript, names: readonly string[]): string[] {
  const isVersion = new RegExp(`^${library.slice(0, -DIGEST)}[0-9a-f]{${DIGEST}}$`);
  return names.filter((name) => name !== library && isVersion.test(name));
}

/**
 * The function of a library that takes several calls: of each its keys, how many arguments all of them begin with, these,
 * and of each the number of the others and the others.
 */
export const joinedOf = ({ library }: LuaScript): string => `${library}_joined`;

/** @param text of a script, with what it includes */
export function libraryOf(
  name: string,
  numberOfKeys: number,
  text: string,
): Pick<LuaScript, 'library' | 'text' | 'once'> {
  const [, flags = '', body = ''] = /^(?:#!lua(?: flags=(\S+))?\n)?([^]*)$/.exec(text) ?? [];
  const listed = flags.split(',').filter(Boolean);
  const textOf = (library: string) => `#!lua name=${library}
local KEYS, ARGV
local COMMAND = 0
${AT_HAND}${body}
local function call(keys, args)
  KEYS, ARGV = keys, args
  return run()
end
local function alone(keys, args)
  COMMAND = COMMAND + 1
  return call(keys, args)
end
local function joined(keys, args)
  COMMAND = COMMAND + 1
  local answers, key, shared, count = {}, 1, tonumber(args[1]), #args
  -- One table for the arguments of all, which is quicker than one for each.
  local own, filled = { unpack(args, 2, shared + 1) }, shared
  local first = shared + 2
  while first <= count do
    local last = first + tonumber(args[first])
    local before = first - shared
    for i = first + 1, last do own[i - before] = args[i] end
    for i = last - before + 1, filled do own[i] = nil end
    filled = last - before
    local done, answer = pcall(call, { unpack(keys, key, key + ${numberOfKeys - 1}) }, own)
    if not done then
      -- What a command answered begins with its code, what Lua says does not.
      local text = type(answer) == 'table' and answer.err or tostring(answer)
      answer = { err = string.find(text, '^%u+ ') and text or 'ERR ' .. text }
    end
    -- A list ends where it has nil.
    if answer == nil then answer = false end
    answers[#answers + 1] = answer
    key, first = key + ${numberOfKeys}, last + 1
  end
  return answers
end
local flags = { ${listed.map((flag) => `'${flag}'`).join(', ')} }
redis.register_function { function_name = '${library}', callback = alone, flags = flags }
redis.register_function { function_name = '${library}_joined', callback = joined, flags = flags }
`;
  // Of all that Redis is given, so that a change of what stands around the script makes another library as well.
  const digest = createHash('sha1').update(textOf('')).digest('hex').slice(0, DIGEST);
  const library = `sync_${name.replaceAll(/\W/g, '_')}_${digest}`;
  return {
    library,
    text: textOf(library),
    once: `#!lua${listed.length > 0 ? ` flags=${flags}` : ''}\nlocal KEYS, ARGV, COMMAND = KEYS, ARGV, 1${AT_HAND}${body}\nreturn run()\n`,
  };
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
