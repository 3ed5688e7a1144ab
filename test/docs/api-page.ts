/** The routes in docs/api.md, from the program's own table: `npm run docs` writes them, a test holds the page to it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KINDS, type ProblemKind, typeOf } from '../../src/api/problem.ts';
import type { Route } from '../../src/api/route.ts';
import { createRoutes } from '../../src/api/routes.ts';
import { Tickets } from '../../src/api/tickets.ts';
import { repositoryRoot } from '../support/process.ts';
import { replaceSection } from './sections.ts';

/** Where the page is. */
export const API_PAGE = join(repositoryRoot, 'docs', 'api.md');

interface Documented {
  readonly properties?: Readonly<Record<string, { readonly description?: string }>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly Documented[];
}

/** The routes as a table, and under it the members of each body. */
function describeRoutes(): string {
  const routes = createRoutes(new Tickets());
  const rows = routes.map(
    ({ method, path, scope, summary }) => `| \`${method} ${path}\` | ${scope} | ${summary} |`,
  );
  return ['', '| route | scope | |', '|---|---|---|', ...rows, '', ...routes.flatMap(describeMembers)].join(
    '\n',
  );
}

function describeMembers({ method, path, query, body }: Route): string[] {
  const given = [
    query,
    ...(((body as Documented | undefined)?.anyOf ?? [body]) as (Documented | undefined)[]),
  ];
  const members = given.flatMap((schema) => {
    const { properties = {}, required = [] } = (schema ?? {}) as Documented;
    return Object.entries(properties).map(([name, { description = '' }]) => {
      return `| \`${name}\` | ${required.includes(name) ? 'required' : ''} | ${description} |`;
    });
  });
  if (members.length === 0) return [];
  return [`\`${method} ${path}\` takes`, '', '| member | | |', '|---|---|---|', ...members, ''];
}

/** The kinds of problem as a table. */
function describeProblems(): string {
  const rows = Object.entries(KINDS).map(
    ([kind, { status, doc }]) => `| ${status} | \`${typeOf(kind as ProblemKind)}\` | ${doc} |`,
  );
  return ['', '| status | `type` | |', '|---|---|---|', ...rows, ''].join('\n');
}

/** The page as it should be. */
export function apiPage(page: string): string {
  const routed = replaceSection(page, 'routes', `${describeRoutes()}\n`);
  return replaceSection(routed, 'problems', `${describeProblems()}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(API_PAGE, apiPage(readFileSync(API_PAGE, 'utf8')));
