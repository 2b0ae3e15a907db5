import type { Result, Row } from './bench.js';

const WIDTH = 800;
const LABEL = 300;
const BAR = 18;
const GAP = 14;
const COLOURS: Readonly<Record<Row['role'], string>> = {
  product: '#2563eb',
  control: '#9ca3af',
  limit: '#d1d5db',
  rival: '#f59e0b',
};

/** @returns the name of a subject's plot */
export function plotFile({ subject }: Result): string {
  return `benchmark-${subject.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}.svg`;
}

/** Bars of the medians, with lines from the least to the most; measures below each other, each on a scale of its own. */
export function plotOf({ subject, rows }: Result): string {
  const parts: string[] = [];
  let y = 40;
  for (const [measure, ofMeasure] of Map.groupBy(rows, (row) => row.measure)) {
    const most = Math.max(...ofMeasure.map(({ value }) => value.most));
    // What is not above nothing has no bar.
    const scale = (WIDTH - LABEL - 90) / (most > 0 ? most : 1);
    const unit = ofMeasure[0]?.unit ?? '';
    parts.push(`<text x="8" y="${y + 12}" font-weight="bold">${escape(`${measure} (${unit})`)}</text>`);
    y += BAR + 4;
    for (const { contender, role, value } of ofMeasure) {
      const middle = y + BAR / 2;
      const [from, end, to] = [value.least, value.median, value.most].map((one) => LABEL + Math.max(one, 0) * scale);
      parts.push(
        `<text x="${LABEL - 8}" y="${middle + 4}" text-anchor="end">${escape(contender)}</text>`,
        `<rect x="${LABEL}" y="${y}" width="${(end ?? 0) - LABEL}" height="${BAR}" fill="${COLOURS[role]}"/>`,
        `<path d="M${from} ${middle}H${to}" stroke="#111827" stroke-width="1.5"/>`,
        `<text x="${(to ?? 0) + 6}" y="${middle + 4}">${Number(value.median.toPrecision(3)).toLocaleString('en')}</text>`,
      );
      y += BAR + 4;
    }
    y += GAP;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${y}" fill="white"/>`,
    `<text x="8" y="24" font-size="16" font-weight="bold">${escape(subject)}</text>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
