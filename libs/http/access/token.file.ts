/** What a token can be for. */
const SCOPES = ['lock', 'queue', 'cache', 'admin', 'read'] as const;
export type Scope = (typeof SCOPES)[number];

/** A token that is known, under the name by which people speak of it. The token itself is not in it, nor its hash. */
export interface Credential {
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
}

export interface TokenEntry {
  readonly credential: Credential;
  /** SHA-256 of the token, 32 bytes. */
  readonly hash: Buffer;
}

/** A file of tokens that cannot be taken over; the message names the lines, and nothing of what they hold. */
export class BrokenTokenFile extends Error {
  override readonly name = 'BrokenTokenFile';
}

const MAX_TOKENS = 1000;
const NAME = /^[\w.-]{1,64}$/;
const SHA256 = /^[0-9a-f]{64}$/i;

/**
 * Reads lines of `name sha256-of-token scope[,scope]`; empty lines and those that begin with `#` are comments.
 * @param text the whole file
 * @returns the tokens, 1 to 1000
 * @throws BrokenTokenFile where any line is wrong, so that a half-written file never counts
 */
export function parseTokenFile(text: string): TokenEntry[] {
  const entries: TokenEntry[] = [];
  const complaints: string[] = [];
  const names = new Set<string>();
  const hashes = new Set<string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [name = '', hash = '', scopes = '', ...more] = line.trim().split(/\s+/);
    const complaint = complaintAbout(name, hash, scopes, more, names, hashes);
    if (complaint !== undefined) complaints.push(`line ${index + 1} ${complaint}`);
    names.add(name);
    hashes.add(hash.toLowerCase());
    entries.push({
      credential: { name, scopes: new Set(scopes.split(',') as Scope[]) },
      hash: Buffer.from(hash, 'hex'),
    });
  }
  if (entries.length === 0) complaints.push('there is no token in it');
  if (entries.length > MAX_TOKENS) complaints.push(`there are more than ${MAX_TOKENS} tokens in it`);
  if (complaints.length > 0) throw new BrokenTokenFile(complaints.slice(0, 5).join('; '));
  return entries;
}

/** What is wrong with a line, in words that repeat nothing of it: a token may stand there by mistake. */
function complaintAbout(
  name: string,
  hash: string,
  scopes: string,
  more: string[],
  names: ReadonlySet<string>,
  hashes: ReadonlySet<string>,
): string | undefined {
  if (scopes === '' || more.length > 0) return 'must be "name sha256-of-token scope[,scope]"';
  if (!NAME.test(name)) return 'must begin with a name of 1 to 64 letters, digits, "_", "." or "-"';
  if (!SHA256.test(hash)) return 'must have the SHA-256 of the token as 64 hexadecimal digits';
  if (!scopes.split(',').every((scope) => SCOPES.includes(scope as Scope))) {
    return `must end in scopes of ${SCOPES.join(', ')}, separated by commas`;
  }
  if (names.has(name)) return 'has the name of an earlier line';
  if (hashes.has(hash.toLowerCase())) return 'has the token of an earlier line';
  return undefined;
}
