/**
 * The little of an HTML tree that reply/ reads, in the shape parse5 builds, and questions about one element.
 *
 * Contract: pure and free of parse5, which html.ts alone imports. Class names and ids are read as the sender wrote
 * them: `x_` and `ecx`, which webmail puts before them, and a broken `3D"` are taken off.
 */

/** A node as parse5's default adapter builds it: an element has a tag name, a text node a value. */
export interface HtmlNode {
  readonly nodeName: string;
  readonly tagName?: string;
  readonly value?: string;
  readonly attrs?: readonly { readonly name: string; readonly value: string }[];
  readonly childNodes?: readonly HtmlNode[];
}

/** Tells whether an element has no attribute at all, as most have. */
export const isBare = (node: HtmlNode): boolean => (node.attrs?.length ?? 0) === 0;

/** Gives the value of an attribute, or the empty string. */
export function attribute(node: HtmlNode, name: string): string {
  for (const attr of node.attrs ?? []) if (attr.name === name) return attr.value;
  return '';
}

const cleanName = (name: string): string =>
  /^(?:3D|x_|ecx)|"$/.test(name) ? name.replace(/^3D"?|"$/g, '').replace(/^(?:x_|ecx)+/, '') : name;

/** Lists the classes of an element, without what a webmail put before them. */
export function classesOf(node: HtmlNode): readonly string[] {
  const value = attribute(node, 'class');
  return value === '' ? [] : value.slice(0, 400).split(/\s+/).map(cleanName);
}

/** Gives the id of an element, likewise. */
export const idOf = (node: HtmlNode): string => cleanName(attribute(node, 'id').slice(0, 200));

/** Gives the style of an element in lower case, without spaces. */
export const styleOf = (node: HtmlNode): string =>
  isBare(node) ? '' : attribute(node, 'style').slice(0, 1000).toLowerCase().replace(/\s+/g, '');

const MAX_LOOK = 60;

/** Reads the first words of an element, from its first nodes only. */
export function firstWords(root: HtmlNode): string {
  const stack: HtmlNode[] = [root];
  for (let seen = 0; stack.length > 0 && seen < MAX_LOOK; seen += 1) {
    const node = stack.pop();
    const value = node?.value?.trim();
    if (value !== undefined && value !== '') return value.slice(0, 200);
    const children = node?.childNodes ?? [];
    for (let at = Math.min(children.length, MAX_LOOK) - 1; at >= 0; at -= 1) {
      const child = children[at];
      if (child !== undefined) stack.push(child);
    }
  }
  return '';
}

const MAX_OPENING_CHARS = 400;

/** Reads the text with which an element begins, up to 400 characters of its first nodes. */
export function openingText(root: HtmlNode): string {
  let text = '';
  const stack: HtmlNode[] = [root];
  for (let seen = 0; stack.length > 0 && seen < MAX_LOOK && text.length < MAX_OPENING_CHARS; seen += 1) {
    const node = stack.pop();
    if (node?.value !== undefined) text = `${text} ${node.value.slice(0, MAX_OPENING_CHARS)}`;
    const children = node?.childNodes ?? [];
    for (let at = Math.min(children.length, MAX_LOOK) - 1; at >= 0; at -= 1) {
      const child = children[at];
      if (child !== undefined) stack.push(child);
    }
  }
  return text.replace(/\s+/g, ' ').trim().slice(0, MAX_OPENING_CHARS);
}
