import type { Response } from 'express';
import { plainPath } from './plain.path.js';

const NOTHING = "default-src 'none'; frame-ancestors 'none'";
/** Swagger UI and the board of queues draw with styles in their pages and images in their scripts. */
const OWN_PAGE = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";
const pages = ['/docs', '/admin'];

/** What keeps an answer from being guessed at, kept, framed or run as a page. HSTS is for whoever speaks TLS in front. */
export function setSecurityHeaders(response: Response, path: string): void {
  const plain = plainPath(path);
  const isPage = pages.some((page) => plain === page || plain.startsWith(`${page}/`));
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('Content-Security-Policy', isPage ? OWN_PAGE : NOTHING);
  response.setHeader('Referrer-Policy', 'no-referrer');
}
