import { createHash, timingSafeEqual } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { InvalidSettings, SETTINGS, type Settings } from '#lib/config';
import { parseTokenFile, type Credential, type TokenEntry } from './token.file.js';

/** How often the file is looked at; asking for its state works however it was replaced, also by a rename or a link. */
const LOOK_MS = 1000;

/** The tokens that this node knows: those of API_TOKENS_FILE as it is now, or was when it last was whole. */
@Injectable()
export class Credentials implements OnModuleInit, OnModuleDestroy {
  /** A request was refused for want of a token (401) or of its scope (403). */
  readonly events = new EventEmitter<{ denied: [status: 401 | 403] }>();

  readonly #logger = new Logger('Credentials');
  readonly #file: string | undefined;
  #entries: readonly TokenEntry[] = [];
  #seen = '';
  #looking = false;
  #timer: NodeJS.Timeout | undefined;

  /** @throws InvalidSettings where the file cannot be read or is wrong: then nobody could tell who may do what */
  constructor(@Inject(SETTINGS) settings: Settings) {
    this.#file = settings.API_TOKENS_FILE;
    if (this.#file === undefined) return;
    try {
      this.#entries = parseTokenFile(readFileSync(this.#file, 'utf8'));
    } catch (cause) {
      throw new InvalidSettings(`API_TOKENS_FILE ${this.#file}: ${messageOf(cause)}`, { cause });
    }
  }

  /** Whether calls need a token at all. */
  get configured(): boolean {
    return this.#file !== undefined;
  }

  onModuleInit(): void {
    if (this.#file === undefined) {
      this.#logger.warn('every call is open to everyone: no API_TOKENS_FILE is given');
      return;
    }
    this.#tellCount();
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.#timer);
  }

  /**
   * The credential that a token belongs to. Takes the same time for every token: its hash is compared with each that
   * is known, to the end.
   */
  find(token: string): Credential | undefined {
    const hash = createHash('sha256').update(token).digest();
    let found: Credential | undefined;
    for (const entry of this.#entries) if (timingSafeEqual(entry.hash, hash)) found = entry.credential;
    return found;
  }

  /** Reads the file again when it is another than was seen last. */
  async #look(): Promise<void> {
    if (this.#looking || this.#file === undefined) return;
    this.#looking = true;
    // The state is taken before the text: what is written in between shows as another state next time.
    const state = await stateOf(this.#file);
    if (state !== this.#seen) {
      const first = this.#seen === '';
      this.#seen = state;
      await this.#take(this.#file, first);
    }
    this.#looking = false;
  }

  async #take(file: string, first: boolean): Promise<void> {
    try {
      this.#entries = parseTokenFile(await readFile(file, 'utf8'));
      if (!first) this.#tellCount();
    } catch (error) {
      this.#logger.error(
        `API_TOKENS_FILE ${file} is not taken over, the ${this.#entries.length} tokens known before stay in force: ` +
          messageOf(error),
      );
    }
  }

  #tellCount(): void {
    this.#logger.log(`calls need a token; ${this.#entries.length} known`);
  }
}

async function stateOf(file: string): Promise<string> {
  try {
    const { ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return [ino, size, mtimeNs, ctimeNs].join(' ');
  } catch (error) {
    return messageOf(error);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
