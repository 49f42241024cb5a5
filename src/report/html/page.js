// Draws a run's charts in the page's colours and width, and links their time axes.
const charts = places(['price', 'equity', 'drawdown']);
if (!ready(charts)) return;
const logScale = document.getElementById('log-scale');

// All charts show the same time, so that what is above each other happened together.
const closes = data.equity[data.equity.length - 1].x, opens = data.price[0].x;
const first = opens[0] || 0, last = closes[closes.length - 1] || 1;
const whole = [first, last + (last - first) * 0.01];
let view = whole, box = null;

// Every candle and line, for when few enough are in view.
const DETAIL_MOST = 2500;
const detail = data.detail && unpack(data.detail);

const SHAPES = {
  signal: 'circle', reverse: 'diamond', stop_loss: 'x', trailing_stop: 'cross', take_profit: 'star',
  time_stop: 'square', max_loss: 'hourglass', end_of_data: 'pentagon'
};

// A trace as it came, in the colours of what it is.
function painted(trace, colour, lines, size) {
  const t = Object.assign({}, trace);
  const line = (name, width, more) => Object.assign(t, lined(trace, colour(name), width, more));
  const marker = (name, symbol) => {
    t.marker = { color: colour(name), symbol, size, opacity: size > 4 ? 1 : 0.55, line: { color: colour('panel'), width: size > 4 ? 1 : 0 } };
  };
  // From far away the candles are what matters: lines over them come back when zoomed in, or by their key.
  const stepBack = () => { if (size <= 4 && (t.yaxis || 'y') === 'y') t.visible = 'legendonly'; };
  if (t.type === 'candlestick') {
    t.increasing = { line: { color: colour('up'), width: 1 }, fillcolor: colour('up') };
    t.decreasing = { line: { color: colour('down'), width: 1 }, fillcolor: colour('down') };
    return t;
  }
  if (CURVES[t.meta]) return curve(t, colour);
  switch (t.meta) {
    case 'drawdown':
      line('down', 1.2);
      t.fill = 'tozeroy';
      t.fillcolor = 'rgba(' + colour('heat-down') + ', 0.18)';
      break;
    case 'stop': line('stop', 1.2, { dash: 'dash' }); stepBack(); break;
    case 'path_won': line('up', 1.2, { dash: 'dot' }); t.legendgroup = 'won'; break;
    case 'path_lost': line('down', 1.2, { dash: 'dot' }); t.legendgroup = 'lost'; break;
    case 'long': marker('long', 'triangle-up'); break;
    case 'short': marker('short', 'triangle-down'); break;
    case 'won': marker('up', trace.customdata.map(reason => SHAPES[reason] || 'circle')); t.legendgroup = 'won'; break;
    case 'lost': marker('down', trace.customdata.map(reason => SHAPES[reason] || 'circle')); t.legendgroup = 'lost'; break;
    default:
      line('line-' + (lines.count++ % 6 + 1), size > 4 ? 1.4 : 1);
      stepBack();
  }
  t.hoverlabel = { namelength: -1 };
  return t;
}

function layout(kind, traces, colour, width) {
  const narrow = isNarrow(width);
  const panes = kind === 'price' ? data.panes : [];
  const base = { price: narrow ? 350 : 480, equity: narrow ? 260 : 310, drawdown: narrow ? 180 : 190 }[kind];
  const pane = narrow ? 100 : 120;
  const named = kind === 'drawdown' ? 0 : traces.filter(t => t.showlegend !== false && t.type !== 'candlestick').length;
  const below = legendRoom(width, named);
  const height = base + panes.length * pane + below;
  const share = panes.length * pane / (base + panes.length * pane);
  const unit = { price: '', equity: '', drawdown: '%' }[kind];
  const result = frame(colour, width, height, {
    margin: { l: 10, r: narrow ? 52 : 66, t: narrow || kind === 'drawdown' ? 34 : 10, b: 40 + below },
    hovermode: kind === 'price' ? 'closest' : 'x unified',
    showlegend: kind !== 'drawdown',
    xaxis: axis(colour, {
      type: 'date', range: view, rangeslider: { visible: false }, anchor: panes.length ? 'y' + (panes.length + 1) : 'y',
      nticks: narrow ? 5 : 10, showspikes: kind === 'price', spikemode: 'across', spikethickness: 1, spikedash: 'dot', spikecolor: colour('hold')
    }),
    yaxis: axis(colour, {
      side: 'right', domain: [share ? share + 0.02 : 0, 1], ticksuffix: unit, nticks: kind === 'drawdown' ? 5 : 8,
      type: logged(kind) ? 'log' : 'linear', range: box && box.kind === kind ? box.range : inView(kind, traces, 'y')
    }),
    annotations: []
  });
  panes.forEach((name, index) => {
    const step = share / panes.length;
    const top = share - index * step;
    result['yaxis' + (index + 2)] = axis(colour, {
      side: 'right', domain: [top - step + 0.01, top - 0.015], nticks: 5, range: inView(kind, traces, 'y' + (index + 2))
    });
    result.annotations.push({
      text: name, xref: 'paper', yref: 'paper', x: 0, y: top - 0.015, xanchor: 'left', yanchor: 'top',
      showarrow: false, bgcolor: colour('panel'), borderpad: 2, font: { color: colour('ink'), size: 11 }
    });
  });
  return result;
}

// Detailed columns in place of thinned ones, where the view is narrow enough.
function traces(kind, colour) {
  const lines = { count: 0 };
  const entries = data.price.filter(t => t.meta === 'long' || t.meta === 'short').flatMap(t => t.x);
  const marks = entries.filter(x => x >= view[0] && x <= view[1]).length;
  const size = marks > 250 ? 4 : marks > 80 ? 7 : 11;
  const painting = data[kind].map(trace => painted(trace, colour, lines, size));
  if (kind !== 'price' || !detail) return painting;
  const at = time => { let a = 0, b = detail.x.length; while (a < b) { const m = a + b >> 1; if (detail.x[m] < time) a = m + 1; else b = m; } return a; };
  const from = Math.max(0, at(view[0]) - 2), to = at(view[1]) + 2;
  if (to - from > DETAIL_MOST) return painting;
  const x = detail.x.slice(from, to);
  Object.assign(painting[0], { x }, detail.candles(from, to));
  for (const [index, y] of detail.lines) Object.assign(painting[index], { x, y: y.slice(from, to) });
  return painting;
}

function draw(fixed) {
  const colour = palette();
  for (const { kind, div } of charts) {
    const painting = traces(kind, colour);
    Plotly.react(div, painting, layout(kind, painting, colour, fixed || div.clientWidth), config);
  }
}

function unpack(packed) {
  const column = ({ first, step, data }) => {
    const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
    let reached = first;
    return Array.from(new Int16Array(bytes.buffer), steps => steps === -32768 ? null : (reached += steps * step));
  };
  const x = new Array(packed.rows);
  packed.starts.forEach(([row, time], index) => {
    const end = index + 1 < packed.starts.length ? packed.starts[index + 1][0] : packed.rows;
    for (let k = row; k < end; k++) x[k] = time + (k - row) * packed.step;
  });
  const prices = column(packed.candles);
  const every = (offset, from, to) => {
    const out = [];
    for (let row = from; row < Math.min(to, packed.rows); row++) out.push(prices[row * 4 + offset]);
    return out;
  };
  return {
    x,
    candles: (from, to) => ({ open: every(0, from, to), high: every(1, from, to), low: every(2, from, to), close: every(3, from, to) }),
    lines: packed.lines.map(([index, line]) => [index, column(line)])
  };
}

function logged(kind) {
  return logScale.checked && kind !== 'drawdown';
}

// The range of values between the ends of the view, with a little air.
function inView(kind, traces, axis) {
  let low = Infinity, high = -Infinity;
  const log = axis === 'y' && logged(kind);
  for (const trace of traces) {
    if ((trace.yaxis || 'y') !== axis) continue;
    const lows = trace.low || trace.y, highs = trace.high || trace.y;
    trace.x.forEach((x, index) => {
      if (x < view[0] || x > view[1] || lows[index] === null || (log && lows[index] <= 0)) return;
      low = Math.min(low, lows[index]);
      high = Math.max(high, highs[index]);
    });
  }
  if (kind === 'drawdown') high = 0;
  if (log) { low = Math.log10(low); high = Math.log10(high); }
  if (!isFinite(low) || !isFinite(high)) return undefined;
  const air = (high - low) * 0.05 || Math.abs(high) * 0.01 || 1;
  return [low - air, kind === 'drawdown' ? 0 : high + air];
}

// The time axes move together, and the value axes follow what is in view.
function link() {
  for (const { kind, div } of charts) {
    div.on('plotly_relayout', event => {
      const range = name => event[name] || (event[name + '[0]'] === undefined ? null : [event[name + '[0]'], event[name + '[1]']]);
      const time = range('xaxis.range'), value = range('yaxis.range');
      if (event['xaxis.autorange']) show(whole);
      else if (time) show(time.map(milliseconds), value && !same(time) ? { kind, range: value } : null);
    });
    div.on('plotly_doubleclick', () => { show(whole); return false; });
  }
}

function same(time) {
  return time.map(milliseconds).every((t, index) => t === whole[index]);
}

function show(range, values) {
  view = range;
  box = values || null;
  setTimeout(() => draw());
}

// The chart library writes times without a zone and means UTC.
function milliseconds(time) {
  return typeof time === 'number' ? time : Date.parse((time.length > 10 ? time.replace(' ', 'T') : time + 'T00:00:00') + 'Z');
}

redrawn(draw);
link();
logScale.addEventListener('change', () => { box = null; draw(); });
document.addEventListener('click', event => {
  const button = event.target.closest('button.go');
  if (!button) return;
  const cells = button.closest('tr').cells;
  const [from, to] = [1, 2].map(column => milliseconds(cells[column].textContent));
  const air = Math.max((to - from) * 0.6, (last - first) / data.price[0].x.length, 3.6e6 * 6);
  show([from - air, to + air]);
  document.getElementById('charts').scrollIntoView();
});
