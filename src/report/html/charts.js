// What the charts of all pages have in common: their data, colours, frames, and when to draw them again.
const root = document.documentElement;
const data = JSON.parse(document.getElementById('data').textContent);
const coarse = matchMedia('(pointer: coarse)').matches;

// The places of charts that this page has, by kind.
function places(kinds) {
  return kinds.map(kind => ({ kind, div: document.getElementById('chart-' + kind) })).filter(({ div }) => div);
}

// Whether the chart library is there; else says so where the charts would be.
function ready(charts) {
  if (typeof Plotly !== 'undefined') return true;
  for (const { div } of charts) div.innerHTML = '<p>The chart library is missing: keep it beside this page.</p>';
  return false;
}

function palette() {
  const style = getComputedStyle(root);
  return name => style.getPropertyValue('--' + name).trim();
}

function isNarrow(width) {
  return width < 560;
}

// Colour, width and more of the lines that several pages draw.
const CURVES = { equity: ['accent', 1.8], hold: ['hold', 1.3, { dash: 'dot' }] };

// A trace as it came, as a line in this colour.
function lined(trace, colour, width, more) {
  return Object.assign({}, trace, { line: Object.assign({}, trace.line, { color: colour, width }, more), hoverlabel: { namelength: -1 } });
}

function curve(trace, colour) {
  const [name, width, more] = CURVES[trace.meta];
  return lined(trace, colour(name), width, more);
}

function axis(colour, more) {
  return Object.assign({
    gridcolor: colour('grid'), zerolinecolor: colour('rule'), linecolor: colour('rule'), tickcolor: colour('rule'),
    fixedrange: false
  }, more);
}

// Room that the legend of so many lines takes below the chart: on a phone the tools need the room above.
function legendRoom(width, named) {
  return isNarrow(width) ? Math.ceil(named / 2.4) * 26 : 0;
}

function frame(colour, width, height, more) {
  const narrow = isNarrow(width);
  return Object.assign({
    width, height,
    paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)',
    font: { family: getComputedStyle(document.body).fontFamily, size: narrow ? 11 : 12, color: colour('muted') },
    modebar: { bgcolor: 'rgba(0,0,0,0)', color: colour('hold'), activecolor: colour('ink') },
    dragmode: coarse ? false : 'zoom',
    hoverlabel: { bgcolor: colour('panel'), bordercolor: colour('rule'), font: { color: colour('ink') }, align: 'left' },
    legend: Object.assign({
      uirevision: 'keep', itemsizing: 'constant', orientation: 'h', x: 0, xanchor: 'left', yanchor: 'bottom',
      bgcolor: 'rgba(0,0,0,0)', font: { color: colour('ink') }
    }, narrow ? { y: 0, yref: 'container' } : { y: 1.01 })
  }, more);
}

const config = {
  displaylogo: false, responsive: false, scrollZoom: false, doubleClick: 'reset',
  displayModeBar: coarse ? true : 'hover',
  modeBarButtonsToRemove: ['select2d', 'lasso2d', 'autoScale2d']
};

// Draws now, and whenever the colour scheme or the width changes; at a width of its own for paper.
function redrawn(draw) {
  draw();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => draw());
  let width = innerWidth, waiting;
  addEventListener('resize', () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(() => draw(), 120);
  });
  addEventListener('beforeprint', () => { root.classList.add('printing'); draw(680); });
  addEventListener('afterprint', () => { root.classList.remove('printing'); draw(); });
}
