const React = require('react');
const { renderToString } = require('react-dom/server');
const { createElement: h, useState, useMemo, useReducer, useContext, useId, useEffect, useRef, useCallback, memo, forwardRef, createContext } = React;
const Theme = createContext('light');
function useCounter(start) {
  const [count, setCount] = useState(() => start * 2);
  const id = useId();
  const add = useCallback((by) => setCount((now) => now + by), []);
  useEffect(() => () => add(1), [add]);
  return { count, id, add };
}
const Item = memo(function Item({ name, children }) {
  const theme = useContext(Theme);
  return h('li', { className: theme, title: Item.name }, name, children);
});
const Field = forwardRef((props, ref) => h('input', { ...props, ref }));
class Boundary extends React.Component {
  state = { failed: false };
  static defaultProps = { label: 'none' };
  static getDerivedStateFromError() { return { failed: true }; }
  render() { return this.state.failed ? h('p', null, 'failed') : h('section', { 'aria-label': this.props.label }, this.props.children); }
}
function App({ names }) {
  const { count, id } = useCounter(2);
  const [seen, tell] = useReducer((all, one) => [...all, one], []);
  if (seen.length < 2) tell(seen.length);
  const sorted = useMemo(() => [...names].sort((a, b) => a.localeCompare(b)), [names]);
  const field = useRef(null);
  return h(Theme.Provider, { value: 'dark' }, h(Boundary, null, h('ul', { id }, sorted.map((name) => h(Item, { key: name, name }, count))), h(Field, { ref: field, name: seen.join() })));
}
console.log(renderToString(h(React.StrictMode, null, h(App, { names: ['b', 'a'] }))));
console.log(App.name, App.length, useCounter.name, Boundary.name, Field.render.name, Boundary.prototype.render.length);
try { renderToString(h(function Wrong() { return undefined_.x; })); } catch (error) { console.log(error.message, error.stack.split('\n')[1].replace(/:\d+\)?$/, '').replace(/\(.*\//, '')); }
