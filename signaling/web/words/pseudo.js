/**
 * A made-up language that is written from right to left, `?lang=ar-XB`: English with every word turned round, so that the layout can be
 * looked at, and a text that never went through the dictionaries stands out.
 */
import en from './en.js';

const turned = (text) => text.split(/(\{\w+\}|\s+)/u)
  .map((part) => (/^\{|^\s*$/u.test(part) ? part : `\u202E${part}\u202C`)).join('');

export default Object.fromEntries(Object.entries(en).map(([key, text]) => [key, turned(text)]));
