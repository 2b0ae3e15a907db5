import { Body, Controller, Get, Header, HttpCode, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { decodeCursor, encodeCursor } from '#lib/http';
import { Membership } from '#lib/membership';
import { DeleteDto, IncrementDto, LinesQuery, ReadManyDto, ReadQuery, WriteDto } from './cache.dto.js';
import type { Reading } from './reading.js';
import { CacheService } from './cache.service.js';

const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const NOT_FOUND = '{"ok":false,"reason":"not_found","value":null}';

@Controller('cache')
export class CacheController {
  constructor(
    private readonly cache: CacheService,
    private readonly membership: Membership,
  ) {}

  @Post('write')
  @HttpCode(200)
  async write(@Body() { key, value, ...options }: WriteDto) {
    return await this.cache.write(key, value, options);
  }

  /** Values are kept as JSON text and go out as they are: a hit neither parses nor prints them. */
  @Get('read')
  @Header('Content-Type', 'application/json; charset=utf-8')
  read(@Query() { key }: ReadQuery, @Res({ passthrough: true }) response: Response): string | Promise<string> {
    const reading = this.cache.readFromMemory(key);
    if (reading) return readAnswer(reading, response);
    return this.cache.read(key).then((found) => readAnswer(found, response));
  }

  @Post('read-many')
  @HttpCode(200)
  @Header('Content-Type', 'application/json; charset=utf-8')
  async readMany(@Body() { keys }: ReadManyDto, @Res({ passthrough: true }) response: Response): Promise<string> {
    const readings = await this.cache.readMany(keys, MAX_ANSWER_BYTES);
    let allHit = true;
    const values: string[] = [];
    for (const [key, reading] of readings) {
      allHit &&= reading?.hit === true;
      values.push(`${JSON.stringify(key)}:${reading ? valueText(reading, `,"version":${reading.version}`) : 'null'}`);
    }
    response.setHeader('X-Cache', allHit ? 'hit' : 'miss');
    return `{"ok":true,"values":{${values.join(',')}}}`;
  }

  @Post('delete')
  @HttpCode(200)
  async delete(@Body() { key, ...options }: DeleteDto) {
    return await this.cache.delete(key, options);
  }

  @Post('increment')
  @HttpCode(200)
  async increment(@Body() { key, ...options }: IncrementDto) {
    return await this.cache.increment(key, options);
  }

  @Get('line')
  async line(@Query() { key }: ReadQuery) {
    return { ok: true, line: await this.cache.line(key) };
  }

  @Get('lines')
  lines(@Query() { state, cursor, limit = 100 }: LinesQuery) {
    const after = cursor === undefined ? undefined : decodeCursor(cursor, 1)[0];
    const { lines, more } = this.cache.linesAfter(after, limit, state);
    const last = lines.at(-1);
    return { ok: true, node: this.membership.nodeId, lines, cursor: more && last ? encodeCursor([last.key]) : null };
  }
}

function readAnswer(reading: Reading | undefined, response: Response): string {
  response.setHeader('X-Cache', reading?.hit === true ? 'hit' : 'miss');
  response.setHeader('X-Cache-Version', reading?.version ?? 0);
  return reading ? `{"ok":true,"value":${valueText(reading, '')}}` : NOT_FOUND;
}

function valueText({ state, json }: Reading, more: string): string {
  return `{"state":"${state}","value":${json}${more}}`;
}
