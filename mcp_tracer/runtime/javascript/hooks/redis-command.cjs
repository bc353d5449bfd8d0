'use strict';
/** How a Redis command is shown: as one would type it, with `***` for what is secret by its place or by its key's name. */
const { Buffer } = require('node:buffer');
const { isSecretName, secretShape } = require('../redaction.cjs');

const MAX_WORDS = 20;
const MAX_COMMANDS = 20;
const MAX_TEXT = 100;
const ALL_SECRET = new Set(['AUTH', 'HELLO', 'ACL', 'MIGRATE']);
const SECRET_SETTINGS = new Set(['requirepass', 'masterauth', 'masteruser']);

/** @param {unknown[]} command name and arguments @param {Record<string, unknown>} place @returns {Record<string, unknown>} */
function describeCommand(command, place) {
  return { 'db.system.name': 'redis', ...place, 'db.operation.name': nameOf(command), 'db.query.text': commandText(command) };
}

/** @param {unknown[][]} commands @param {Record<string, unknown>} place @returns {Record<string, unknown>} */
function describePipeline(commands, place) {
  const left = commands.length - MAX_COMMANDS;
  const lines = [...commands.slice(0, MAX_COMMANDS).map(commandText), ...(left > 0 ? [`… and ${left} more`] : [])];
  return { 'db.system.name': 'redis', ...place, 'db.operation.name': 'PIPELINE', 'db.operation.batch.size': commands.length, 'db.query.text': lines.join('\n') };
}

/** @param {unknown[]} command @returns {string} */
const nameOf = (command) => wordOf(command[0]).split(' ')[0].toUpperCase();

/** @param {unknown[]} command @returns {string} */
function commandText(command) {
  const words = command.slice(0, MAX_WORDS).map(wordOf);
  if (words.length === 0) return '';
  if (ALL_SECRET.has(nameOf(command))) return words[0] + (command.length > 1 ? ' ***' : '');
  const shown = words.map((word, i) => ((i > 1 && isSecretKey(words[i - 1])) || secretShape(word) !== '' ? '***' : word));
  return [...shown, ...(command.length > MAX_WORDS ? ['…'] : [])].join(' ');
}

/** @param {string} key @returns {boolean} */
function isSecretKey(key) {
  return SECRET_SETTINGS.has(key.toLowerCase()) || key.split(':').some((part) => part.length <= MAX_TEXT && isSecretName(part));
}

/** @param {unknown} argument @returns {string} */
function wordOf(argument) {
  const text = ArrayBuffer.isView(argument) ? Buffer.from(argument.buffer, argument.byteOffset, Math.min(argument.byteLength, MAX_TEXT + 1)).toString() : argument;
  if (typeof text === 'number') return String(text);
  if (typeof text !== 'string') return '?';
  return text.length <= MAX_TEXT ? text : text.slice(0, MAX_TEXT) + '…';
}

module.exports = { describeCommand, describePipeline };
