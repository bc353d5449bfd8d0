'use strict';
/** Secrets never leave the process: by the name they stand under, and by the shape of a text. Names and shapes come from `../redaction.json`. */
const fs = require('node:fs');
const path = require('node:path');

/**
 * @typedef {{name: string, pattern: string, flags: string, luhn?: boolean}} Shape
 * @typedef {{names: {exact: string[], suffix: string[], contains: string[]}, minLength: number, shapes: Shape[]}} Rules
 */

const MAX_CACHED_NAMES = 10000;

/** @returns {Rules} a small built-in set where the file is missing */
function load() {
  try {
    return JSON.parse(fs.readFileSync(path.join(__dirname, '..', 'redaction.json'), 'utf8'));
  } catch {
    const contains = ['password', 'passwd', 'secret', 'apikey', 'authorization', 'credential', 'privatekey', 'accesskey'];
    return { names: { exact: ['auth', 'pwd', 'pin'], suffix: ['token', 'cookie'], contains }, minLength: 12, shapes: [] };
  }
}

const rules = load();
const exact = new Set(rules.names.exact);
const byShape = rules.shapes.map((shape) => ({ name: shape.name, luhn: shape.luhn === true, regex: new RegExp(shape.pattern, `${shape.flags}g`) }));
// One pass over the text decides for nearly all texts that nothing is in it.
const anyShape = rules.shapes.length === 0 ? null : new RegExp(rules.shapes.map((shape) => `(?:${shape.pattern})`).join('|'), 'i');
/** @type {Map<string, boolean>} */
const known = new Map();
/** Programs pass the same texts around: looking each up is far cheaper than searching it. @type {Map<string, string>} */
const shapes = new Map();
const MAX_CACHED_TEXT = 500;
const MAX_CACHED_TEXTS = 4000;
// Captured before the program could replace them.
const test = Function.prototype.call.bind(RegExp.prototype.test);
const exec = Function.prototype.call.bind(RegExp.prototype.exec);

/** @param {string} name @returns {boolean} whether what stands under `name` is a secret */
function isSecretName(name) {
  const cached = known.get(name);
  if (cached !== undefined) return cached;
  const plain = name.toLowerCase().replace(/[_\-.\s]/g, '');
  const secret =
    exact.has(plain) || rules.names.suffix.some((end) => plain.endsWith(end)) || rules.names.contains.some((part) => plain.includes(part));
  if (known.size < MAX_CACHED_NAMES) known.set(name, secret);
  return secret;
}

/** The texts that were searched last, by length: comparing a text with itself takes no time. */
const MAX_RECENT = 1000;
const recent = new Array(256).fill('');
const recentShapes = new Array(256).fill('');

/** @param {string} text @returns {string} the name of the secret shape in `text`, '' for none */
function secretShape(text) {
  if (text.length < rules.minLength || anyShape === null) return '';
  const place = text.length & 255;
  if (recent[place] === text) return recentShapes[place];
  const shape = searched(text);
  if (text.length <= MAX_RECENT) {
    recent[place] = text;
    recentShapes[place] = shape;
  }
  return shape;
}

/** @param {string} text @returns {string} */
function searched(text) {
  const known = shapes.get(text);
  if (known !== undefined) return known;
  const shape = findShape(text);
  if (text.length <= MAX_CACHED_TEXT) {
    if (shapes.size >= MAX_CACHED_TEXTS) shapes.clear();
    shapes.set(text, shape);
  }
  return shape;
}

/** @param {string} text @returns {string} */
function findShape(text) {
  if (!test(anyShape, text)) return '';
  for (const shape of byShape) {
    shape.regex.lastIndex = 0;
    for (let match = exec(shape.regex, text); match !== null; match = exec(shape.regex, text)) {
      if (!shape.luhn || passesLuhn(match[0])) return shape.name;
    }
  }
  return '';
}

/** @param {string} url or a part of one @returns {string} without the values of secret query parameters */
function hideInUrl(url) {
  if (!url.includes('?')) return url;
  return url.replace(/([?&])([^=&]+)=([^&#]*)/g, (all, sign, name) => (isSecretName(name) ? `${sign}${name}=[redacted]` : all));
}

/** @param {string} text @returns {boolean} whether the digits of `text` are a card number's */
function passesLuhn(text) {
  const digits = text.replace(/\D/g, '');
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48;
    const doubled = i % 2 === 0 ? digit : digit * 2;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return digits.length >= 13 && sum % 10 === 0;
}

module.exports = { isSecretName, secretShape, hideInUrl };
