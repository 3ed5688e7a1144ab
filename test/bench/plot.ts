/**
 * Draws accepted mails per second against sessions as an SVG, one panel per group, both axes logarithmic.
 *
 * Contract: pure; takes only workloads of 4 KB over kept connections by our own client, so that one line is one thing.
 */

import type { Group } from './plan.ts';
import { type Measured, rateOf } from './report.ts';
import { spread } from './stats.ts';

interface Point {
  readonly sessions: number;
  readonly rate: number;
}

interface Scale {
  readonly x: (sessions: number) => number;
  readonly y: (rate: number) => number;
  readonly decades: readonly number[];
}

const PANEL = { width: 420, height: 320, left: 60, right: 110, top: 40, bottom: 45 } as const;
const COLOURS = ['#0b6e4f', '#5fb49c', '#c1440e', '#3a506b', '#8f6bb3', '#b08900', '#777777'];
const PLOTTED_BYTES = 4096;

/** Returns the SVG document. */
export function plot(all: readonly Measured[]): string {
  const groups = [...new Set(all.map(({ group }) => group))];
  const panels = groups
    .map((group) => ({ group, lines: linesOf(group, all) }))
    .filter(({ lines }) => hasLine(lines));
  const names = [...new Set(panels.flatMap(({ lines }) => [...lines.keys()]))];
  const drawn = panels.map(({ group, lines }, index) => panel(group, lines, names, index * PANEL.width));
  const width = Math.max(1, panels.length) * PANEL.width;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${PANEL.height}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="#ffffff"/>
${drawn.join('\n')}
</svg>
`;
}

function hasLine(lines: ReadonlyMap<string, readonly Point[]>): boolean {
  return [...lines.values()].some((points) => points.length > 1);
}

function linesOf(group: Group, all: readonly Measured[]): Map<string, Point[]> {
  const lines = new Map<string, Point[]>();
  for (const measured of all) {
    const { workload } = measured;
    const plotted =
      workload.connection === 'kept' && workload.mailBytes === PLOTTED_BYTES && workload.client === 'ours';
    if (measured.group !== group || !plotted) continue;
    for (const [peer, samples] of measured.rounds) {
      const rate = spread(samples.map((sample) => rateOf(group, sample))).median;
      if (!(rate > 0)) continue;
      lines.set(peer, [...(lines.get(peer) ?? []), { sessions: workload.sessions, rate }]);
    }
  }
  return lines;
}

function panel(
  group: Group,
  lines: ReadonlyMap<string, readonly Point[]>,
  names: readonly string[],
  left: number,
): string {
  const points = [...lines.values()].flat();
  const scale = scaleOf(points);
  const ticks = [...new Set(points.map(({ sessions }) => sessions))];
  const rate = group.metric === 'delivered' ? 'mails delivered per second' : 'mails accepted per second';
  return `<g transform="translate(${left} 0)">
<text x="${PANEL.left}" y="18" font-size="13">${escape(group.title)}</text>
<text x="${PANEL.left}" y="32" fill="#555555">${rate} (4 KB) against sessions</text>
${scale.decades.map((decade) => horizontal(scale.y(decade), decade)).join('\n')}
${ticks.map((sessions) => `<text x="${round(scale.x(sessions))}" y="${PANEL.height - 25}" text-anchor="middle">${sessions}</text>`).join('\n')}
${[...lines].map(([name, own]) => line(own, scale, COLOURS[names.indexOf(name) % COLOURS.length] ?? '')).join('\n')}
${labels(lines, scale, names).join('\n')}
</g>`;
}

function scaleOf(points: readonly Point[]): Scale {
  const logs = points.map(({ rate }) => Math.log10(rate));
  const low = Math.floor(Math.min(...logs));
  const high = Math.max(low + 1, Math.ceil(Math.max(...logs)));
  const most = Math.log(Math.max(...points.map(({ sessions }) => sessions), 2));
  const width = PANEL.width - PANEL.left - PANEL.right;
  const height = PANEL.height - PANEL.top - PANEL.bottom;
  return {
    x: (sessions) => PANEL.left + (width * Math.log(sessions)) / most,
    y: (rate) => PANEL.top + height * (1 - (Math.log10(rate) - low) / (high - low)),
    decades: Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index)),
  };
}

function horizontal(y: number, value: number): string {
  const right = PANEL.width - PANEL.right;
  return `<line x1="${PANEL.left}" x2="${right}" y1="${round(y)}" y2="${round(y)}" stroke="#dddddd"/>
<text x="${PANEL.left - 6}" y="${round(y + 4)}" text-anchor="end">${value.toLocaleString('en')}</text>`;
}

function line(points: readonly Point[], scale: Scale, colour: string): string {
  const path = points.map(({ sessions, rate }) => `${round(scale.x(sessions))},${round(scale.y(rate))}`);
  const dots = path.map((at) => {
    const [x, y] = at.split(',');
    return `<circle cx="${x ?? ''}" cy="${y ?? ''}" r="3" fill="${colour}"/>`;
  });
  return `<polyline points="${path.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>\n${dots.join('')}`;
}

/** Names at the lines' right ends, pushed apart where they would touch. */
function labels(
  lines: ReadonlyMap<string, readonly Point[]>,
  scale: Scale,
  names: readonly string[],
): string[] {
  const ends = [...lines]
    .map(([name, points]) => ({ name, end: points.at(-1) }))
    .flatMap(({ name, end }) => (end === undefined ? [] : [{ name, y: scale.y(end.rate) + 4 }]))
    .toSorted((a, b) => a.y - b.y);
  let free = 0;
  return ends.map(({ name, y }) => {
    const at = Math.max(y, free);
    free = at + 13;
    const colour = COLOURS[names.indexOf(name) % COLOURS.length] ?? '';
    return `<text x="${PANEL.width - PANEL.right + 10}" y="${round(at)}" fill="${colour}">${escape(name)}</text>`;
  });
}

function round(value: number): string {
  return value.toFixed(1);
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
