// Parts of a page that are made by a program: between `<!-- made by npm run docs: NAME -->` and `<!-- end -->`.

const pattern = (name: string): RegExp =>
  new RegExp(`(<!-- made by npm run docs: ${name} -->\n)([^]*?)(<!-- end -->)`);

/** The part of that name; throws where the page has none. */
export function readSection(page: string, name: string): string {
  const [, , content] = pattern(name).exec(page) ?? [];
  if (content === undefined) throw new Error(`the page has no part "${name}"`);
  return content;
}

/** The page with another part of that name. */
export function replaceSection(page: string, name: string, content: string): string {
  readSection(page, name);
  return page.replace(pattern(name), (_, begin: string, __, end: string) => `${begin}${content}${end}`);
}

/** A fenced block that is a part by itself. */
export const fenced = (language: string, content: string): string =>
  `\n\`\`\`${language}\n${content.trimEnd()}\n\`\`\`\n\n`;
