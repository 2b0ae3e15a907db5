import type { Response } from 'express';
import type { HeaderList } from './given.headers.js';
import { plainPath } from './plain.path.js';

const pages = ['/docs', '/admin'];

/** What keeps an answer from being guessed at, kept, framed or run as a page. HSTS is for whoever speaks TLS in front. */
export const SECURITY_HEADERS: HeaderList = [
  ...['X-Content-Type-Options', 'nosniff'],
  ...['Cache-Control', 'no-store'],
  ...['Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'"],
  ...['Referrer-Policy', 'no-referrer'],
];

/** Swagger UI and the board of queues draw with styles in their pages and images in their scripts. */
const PAGE_POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/** Lets a page for people load what the node itself serves. Set at once, since what sends files looks whether they may be kept. */
export function letPagesLoad(response: Response, path: string): void {
  const plain = plainPath(path);
  if (!pages.some((page) => plain === page || plain.startsWith(`${page}/`))) return;
  response.setHeader('Content-Security-Policy', PAGE_POLICY);
  response.setHeader('Cache-Control', 'no-store');
}
