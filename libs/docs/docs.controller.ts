import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { Controller, Get, Header, Param, Req, Res, StreamableFile } from '@nestjs/common';
import type { Request, Response } from 'express';
import { JsonText, Problem } from '#lib/http';
import { START_FILE, startScript, swaggerPage } from './swagger.page.js';

/** What the page needs, by its name in lower case, as the router compares paths. */
const types: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
  [START_FILE]: 'text/javascript; charset=utf-8',
};

/** The OpenAPI document as it was made from the code (`npm run docs:openapi`), and Swagger UI to read it with. */
@Controller()
export class DocsController {
  /** This document. */
  @Get('openapi.json')
  async document(): Promise<JsonText<Record<string, unknown>>> {
    return new JsonText(await readFile(join(packageOf(import.meta.url), 'openapi.json'), 'utf8'));
  }

  /** Swagger UI, to read this document and to try its calls. */
  @Get('docs')
  @Header('Content-Type', 'text/html; charset=utf-8')
  page(@Req() { path }: Request): string {
    return swaggerPage(path.endsWith('/') ? '' : 'docs/');
  }

  /** What the page at /docs consists of. */
  @Get('docs/:file')
  file(@Param('file') name: string, @Res({ passthrough: true }) response: Response): StreamableFile {
    const file = name.toLowerCase();
    const type = Object.hasOwn(types, file) ? types[file] : undefined;
    if (type === undefined) throw new Problem(404, `There is no file ${name} here`);
    response.setHeader('Content-Type', type);
    if (file === START_FILE) return new StreamableFile(Buffer.from(startScript));
    return new StreamableFile(createReadStream(join(packageOf('swagger-ui-dist', import.meta.url), file)));
  }
}

/** The directory of a package, or of the one that a file is part of. */
function packageOf(specifier: string, base?: string): string {
  const path = findPackageJSON(specifier, base);
  if (path === undefined) throw new Error(`The package of ${specifier} is missing`);
  return dirname(path);
}
