/** Small helpers over the DOM: make an element, keep a list of elements in step with a list of things. */

const SVG = 'http://www.w3.org/2000/svg';

/** `el('button.primary', { testid, on: { click }, aria-…, data-… }, children…)`; text is always set as text. */
export function el(selector, props = {}, ...children) {
  const [tag, ...classes] = selector.split('.');
  const node = document.createElement(tag);
  if (classes.length > 0) node.className = classes.join(' ');
  if (tag === 'button') node.type = 'button';
  set(node, props);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function set(node, props) {
  for (const [name, value] of Object.entries(props)) {
    if (name === 'on') for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    else if (name === 'testid') attribute(node, 'data-testid', value);
    else if (name === 'text') text(node, value);
    else if (isProperty(node, name, value)) { if (node[name] !== value) node[name] = value; } else attribute(node, name, value);
  }
  return node;
}

/** What is absent is no property: as a text it would read `undefined`. */
const isProperty = (node, name, value) => name in node && typeof value !== 'string' && value !== undefined && value !== null;

/** Writes only what differs, so that screen readers and animations are not disturbed. */
export function text(node, value) {
  const wanted = String(value ?? '');
  if (node.textContent !== wanted) node.textContent = wanted;
}

function attribute(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value === true ? '' : String(value));
}

/** Keeps the children of `list` in step with `items`: same key, same element, so focus stays where it is. */
export function keep(list, items, key, make, update) {
  const known = new Map([...list.children].map((child) => [child.dataset.key, child]));
  items.forEach((item, index) => {
    const name = String(key(item));
    let node = known.get(name);
    if (node) known.delete(name);
    else {
      node = make(item);
      node.dataset.key = name;
    }
    update?.(node, item);
    if (list.children[index] !== node) list.insertBefore(node, list.children[index] ?? null);
  });
  for (const gone of known.values()) gone.remove();
}

export function icon(paths) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  for (const d of paths) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', d);
    svg.append(path);
  }
  return svg;
}

/** Up to two letters for a face, and one of eight colours that stays with the identity. */
export function initials(name) {
  const words = name.trim().split(/[\s_.-]+/u).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words;
  return letters.map((word) => [...word][0]).join('').toUpperCase() || '?';
}

export function tint(identity) {
  let hash = 0;
  for (const char of identity) hash = (hash * 31 + char.codePointAt(0)) % 997;
  return hash % 8;
}
