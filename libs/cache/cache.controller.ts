import { Body, Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { decodeCursor, encodeCursor, JsonText, SetsHeaders } from '#lib/http';
import { Membership } from '#lib/membership';
import type { LinesPage, ReadAnswer, ReadManyAnswer } from './cache.answers.js';
import { DeleteDto, IncrementDto, LinesQuery, ReadManyDto, ReadQuery, WriteDto } from './cache.dto.js';
import { CacheService, type Deleted, type Incremented, type LineView, type Written } from './cache.service.js';
import type { Reading } from './reading.js';

const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const NOT_FOUND = '{"ok":false,"reason":"not_found","value":null}';

/** Values are kept as JSON text and go out as they are: a hit neither parses nor prints them. */
@Controller('cache')
export class CacheController {
  constructor(
    private readonly cache: CacheService,
    private readonly membership: Membership,
  ) {}

  /** Writes a value. Without `ttlMs` it has no end. Checks come in the order requestId, fence, ifVersion. */
  @Post('write')
  @HttpCode(200)
  async write(@Body() { key, value, ...options }: WriteDto): Promise<Written> {
    return await this.cache.write(key, value, options);
  }

  /** Reads a value, never one older than any that was acknowledged or read anywhere before. */
  @Get('read')
  @SetsHeaders('X-Cache', 'X-Cache-Version')
  read(@Query() { key }: ReadQuery): JsonText<ReadAnswer> | Promise<JsonText<ReadAnswer>> {
    const reading = this.cache.readFromMemory(key);
    return reading ? readAnswer(reading) : this.cache.read(key).then(readAnswer);
  }

  /** Reads several keys, each by itself: no snapshot. More than 16 MiB together is 413. */
  @Post('read-many')
  @SetsHeaders('X-Cache')
  @HttpCode(200)
  async readMany(@Body() { keys }: ReadManyDto): Promise<JsonText<ReadManyAnswer>> {
    const readings = await this.cache.readMany(keys, MAX_ANSWER_BYTES);
    let allHit = true;
    const values: string[] = [];
    for (const [key, reading] of readings) {
      allHit &&= reading?.hit === true;
      values.push(`${JSON.stringify(key)}:${reading ? valueText(reading, `,"version":${reading.version}`) : 'null'}`);
    }
    return new JsonText(`{"ok":true,"values":{${values.join(',')}}}`, ['X-Cache', allHit ? 'hit' : 'miss']);
  }

  /** Makes a line absent; it keeps its versions. */
  @Post('delete')
  @HttpCode(200)
  async delete(@Body() { key, ...options }: DeleteDto): Promise<Deleted> {
    return await this.cache.delete(key, options);
  }

  /** Adds to a whole number; an absent line counts as 0. What is no whole number within 2^53 - 1 is `not_a_number`. */
  @Post('increment')
  @HttpCode(200)
  async increment(@Body() { key, ...options }: IncrementDto): Promise<Incremented> {
    return await this.cache.increment(key, options);
  }

  /** A line as the directory has it, with the state of each living node. */
  @Get('line')
  async line(@Query() { key }: ReadQuery): Promise<{ ok: true; line: LineView }> {
    return { ok: true, line: await this.cache.line(key) };
  }

  /** The lines in the memory of the node asked, by key, a page at a time. */
  @Get('lines')
  lines(@Query() { state, cursor, limit = 100 }: LinesQuery): LinesPage {
    const after = cursor === undefined ? undefined : decodeCursor(cursor, 1)[0];
    const { lines, more } = this.cache.linesAfter(after, limit, state);
    const last = lines.at(-1);
    return { ok: true, node: this.membership.nodeId, lines, cursor: more && last ? encodeCursor([last.key]) : null };
  }
}

function readAnswer(reading: Reading | undefined): JsonText<ReadAnswer> {
  const text = reading ? `{"ok":true,"value":${valueText(reading, '')}}` : NOT_FOUND;
  return new JsonText(text, [
    'X-Cache',
    reading?.hit === true ? 'hit' : 'miss',
    'X-Cache-Version',
    reading?.version ?? 0,
  ]);
}

function valueText({ state, json }: Reading, more: string): string {
  return `{"state":"${state}","value":${json}${more}}`;
}
