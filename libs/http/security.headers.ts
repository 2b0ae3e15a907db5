import type { Response } from 'express';
import { plainPath } from './plain.path.js';

const NOTHING = "default-src 'none'; frame-ancestors 'none'";
/** Swagger UI draws with styles in its page and images in its scripts. */
const OWN_PAGE = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/** What keeps an answer from being guessed at, kept, framed or run as a page. HSTS is for whoever speaks TLS in front. */
export function setSecurityHeaders(response: Response, path: string): void {
  const plain = plainPath(path);
  const isDocs = plain === '/docs' || plain.startsWith('/docs/');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('Content-Security-Policy', isDocs ? OWN_PAGE : NOTHING);
  response.setHeader('Referrer-Policy', 'no-referrer');
}
