import { createHmac, createSecretKey, hash, randomBytes, timingSafeEqual } from 'node:crypto';
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
  readonly #key = createSecretKey(randomBytes(32));
  #entries: ReadonlyMap<string, TokenEntry> = new Map();
  #seen = '';
  #looking = false;
  #timer: NodeJS.Timeout | undefined;

  /** @throws InvalidSettings where the file cannot be read or is wrong: then nobody could tell who may do what */
  constructor(@Inject(SETTINGS) settings: Settings) {
    this.#file = settings.API_TOKENS_FILE;
    if (this.#file === undefined) return;
    try {
      this.#entries = this.#index(readFileSync(this.#file, 'utf8'));
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
   * The credential that a token belongs to. How long that takes tells nothing about the tokens that are known: they are
   * looked up by what a key of this process makes of their hashes, which no caller can aim at, and compared in constant
   * time.
   */
  find(token: string): Credential | undefined {
    const sha256 = hash('sha256', token, 'buffer');
    const entry = this.#entries.get(this.#blind(sha256));
    return entry && timingSafeEqual(entry.hash, sha256) ? entry.credential : undefined;
  }

  #blind(sha256: Buffer): string {
    return createHmac('sha256', this.#key).update(sha256).digest('base64');
  }

  #index(text: string): Map<string, TokenEntry> {
    return new Map(parseTokenFile(text).map((entry) => [this.#blind(entry.hash), entry]));
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
      this.#entries = this.#index(await readFile(file, 'utf8'));
      if (!first) this.#tellCount();
    } catch (error) {
      this.#logger.error(
        `API_TOKENS_FILE ${file} is not taken over, the ${this.#entries.size} tokens known before stay in force: ` +
          messageOf(error),
      );
    }
  }

  #tellCount(): void {
    this.#logger.log(`calls need a token; ${this.#entries.size} known`);
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
