// Draws an optimization's charts: the metric over its parameters and over its trials, and equity over time.
const charts = places(['map', 'histogram', 'equity', 'walk']);
if (!ready(charts)) return;
const pair = document.getElementById('pair');
const still = Object.assign({}, config, { displayModeBar: false });
const CELLS_MARKED = 2500;

// A value as the tables write it, and one short enough for a cell.
function exact(value) {
  return value.toLocaleString('en-US', { minimumFractionDigits: data.places, maximumFractionDigits: data.places }) + data.unit;
}

function brief(value) {
  const size = Math.abs(value);
  if (size >= 1e5) return value.toExponential(1);
  return value.toFixed(Math.min(data.places, size >= 100 ? 0 : size >= 10 ? 1 : 2));
}

// Labels for so many places, as many as there is room for; `each` is the room of one (px).
function ticks(labels, each) {
  const step = Math.max(1, Math.ceil(labels.needs / each));
  const tickvals = labels.values.map((_, index) => index).filter(index => index % step === 0);
  return { tickmode: 'array', tickvals, ticktext: tickvals.map(index => labels.values[index]), tickangle: 0, showgrid: false, zeroline: false, fixedrange: true };
}

// Width of the longest label (px), give or take: numbers are narrow.
function widest(values) {
  return Math.max(...values.map(value => value.length), 1) * 6.6;
}

function title(text, colour) {
  return { text, font: { color: colour('ink'), size: 12 } };
}

// One range for all maps, so that a colour means the same on each: around zero where values are on both sides.
const reached = data.maps.flatMap(map => map.z).flat().filter(z => z !== null);
const lowest = Math.min(...reached), highest = Math.max(...reached);
const twoSided = lowest < 0 && highest > 0;
const span = twoSided ? Math.max(-lowest, highest) : 0;

const range = twoSided ? [-span, span] : highest > lowest ? [lowest, highest] : [lowest - 1, highest];

// The colours from low to high. Better is always the strong end.
function scale(colour) {
  const stops = [1, 2, 3, 4, 5].map(k => colour((twoSided ? 'around-' : 'from-') + k));
  return data.higher ? stops : stops.reverse();
}

// Black or white, whichever can be read on the colour of a value: that which differs more in luminance (WCAG 2).
function ink(stops, value) {
  const at = (value - range[0]) / (range[1] - range[0]) * (stops.length - 1), low = Math.min(Math.floor(at), stops.length - 2);
  const part = (stop, place) => parseInt(stop.slice(1 + place * 2, 3 + place * 2), 16) / 255;
  const linear = [0, 1, 2].map(place => {
    const value = part(stops[low], place) + (part(stops[low + 1], place) - part(stops[low], place)) * (at - low);
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.179 ? '#000' : '#fff';
}

// The cells of a map: column, row and value.
function cells(map) {
  return map.z.flatMap((line, row) => line.map((z, column) => ({ row, column, z })));
}

function heat(colour, width) {
  const map = data.maps[pair ? Number(pair.value) : 0];
  const narrow = isNarrow(width), columns = map.x.values.length, rows = map.y.values.length;
  const left = Math.min(widest(map.y.values), narrow ? 80 : 200) + 32, right = narrow ? 8 : 80;
  const across = (width - left - right) / columns;
  const down = Math.max(Math.min(across * 0.7, 42, 560 / rows), narrow ? 240 / rows : 300 / rows, 3);
  const written = across >= (narrow ? 28 : 38) && down >= 15;
  const top = narrow ? 46 : 14, bottom = 52;
  const name = (axis, index) => axis.name + ' <b>' + axis.values[index] + '</b>';
  const where = (column, row) => name(map.x, column) + '<br>' + name(map.y, row) + '<br>';
  const stops = scale(colour), gap = across > 12 && down > 8 ? 2 : 0;
  const traces = [{
    type: 'heatmap', z: map.z, xgap: gap, ygap: gap, hoverinfo: 'text', hoverongaps: false,
    hovertext: map.z.map((line, row) => line.map((z, column) => z === null ? '' : where(column, row) + data.metric + ' <b>' + exact(z) + '</b>')),
    colorscale: stops.map((stop, index) => [index / (stops.length - 1), stop]), zmin: range[0], zmax: range[1],
    colorbar: Object.assign({ thickness: 12, outlinewidth: 0, ticksuffix: data.unit, tickfont: { color: colour('muted') } }, narrow ?
      { orientation: 'h', x: 0.5, xanchor: 'center', y: 1, yanchor: 'bottom', ypad: 8, nticks: 6 } :
      { x: 1, xpad: 12, y: 0.5, len: 1, ypad: 0 })
  }];
  const over = (cells, more) => traces.push(Object.assign({ type: 'scatter', x: cells.map(cell => cell.column), y: cells.map(cell => cell.row), showlegend: false }, more));
  const [some, none] = [false, true].map(empty => cells(map).filter(cell => (cell.z === null) === empty));
  if (written) {
    over(some, {
      mode: 'text', hoverinfo: 'skip', text: some.map(cell => brief(cell.z)),
      textfont: { size: narrow ? 9.5 : 12, color: some.map(cell => ink(stops, cell.z)) }
    });
  }
  if (none.length && columns * rows <= CELLS_MARKED) {
    over(none, {
      mode: 'markers',
      marker: { symbol: 'x-thin', size: Math.min(8, down - 4, across - 4), color: colour('hold'), line: { width: 1, color: colour('hold') } },
      hoverinfo: 'text', hovertext: none.map(({ column, row }) => where(column, row) + 'excluded, not tried, or failed')
    });
  }
  const shapes = [];
  if (map.best) {
    const [column, row] = map.best;
    const box = (color, width) => ({ type: 'rect', x0: column - 0.5, x1: column + 0.5, y0: row - 0.5, y1: row + 0.5, line: { color, width } });
    shapes.push(box(colour('panel'), 7), box(colour('ink'), 3));
    if (!gap) over([{ column, row }], { mode: 'markers', hoverinfo: 'skip', marker: { symbol: 'circle-open', size: 18, color: colour('ink'), line: { width: 2.5 } } });
  }
  document.getElementById('rest').textContent = map.rest && 'The other parameters are at their best: ' + map.rest + '.';
  return {
    traces,
    layout: frame(colour, width, rows * down + top + bottom, {
      margin: { l: left, r: right, t: top, b: bottom }, showlegend: false, shapes, hovermode: 'closest', dragmode: false,
      xaxis: axis(colour, Object.assign(ticks({ values: map.x.values, needs: widest(map.x.values) + 8 }, across), { title: title(map.x.name, colour), range: [-0.5, columns - 0.5] })),
      yaxis: axis(colour, Object.assign(ticks({ values: map.y.values, needs: 15 }, down), { title: title(map.y.name, colour), range: [-0.5, rows - 0.5] }))
    })
  };
}

// One parameter: the metric along it.
function along(colour, width) {
  const { x, z: [values], best } = data.line, narrow = isNarrow(width);
  const hovertext = values.map((value, index) => value === null ? '' : x.name + ' <b>' + x.values[index] + '</b><br>' + data.metric + ' <b>' + exact(value) + '</b>');
  const places = values.map((_, index) => index);
  const traces = [lined({ type: 'scatter', mode: 'lines+markers', x: places, y: values, hoverinfo: 'text', hovertext, marker: { size: 7, color: colour('accent') }, showlegend: false }, colour('accent'), 1.8)];
  if (best) {
    traces.push({ type: 'scatter', mode: 'markers', x: [best[0]], y: [values[best[0]]], hoverinfo: 'skip', showlegend: false, marker: { symbol: 'square-open', size: 16, color: colour('ink'), line: { width: 3 } } });
  }
  const right = narrow ? 52 : 66;
  return {
    traces,
    layout: frame(colour, width, narrow ? 280 : 340, {
      margin: { l: 16, r: right, t: 14, b: 52 }, hovermode: 'closest', dragmode: false,
      xaxis: axis(colour, Object.assign(ticks({ values: x.values, needs: widest(x.values) + 8 }, (width - right - 16) / values.length), { title: title(x.name, colour), range: [-0.5, values.length - 0.5] })),
      yaxis: axis(colour, { side: 'right', ticksuffix: data.unit, fixedrange: true, nticks: 7 })
    })
  };
}

function histogram(colour, width) {
  const { edges, counts } = data.histogram, narrow = isNarrow(width);
  const first = edges[0], last = edges[edges.length - 1], air = (last - first) * 0.02 || 1;
  const shapes = [], annotations = [];
  if (data.best !== null) {
    const far = data.best > (first + last) / 2;
    shapes.push({ type: 'line', x0: data.best, x1: data.best, yref: 'paper', y0: 0, y1: 1, line: { color: colour('stop'), width: 2, dash: 'dash' } });
    annotations.push({
      text: 'best ' + exact(data.best), x: data.best, xanchor: far ? 'right' : 'left', xshift: far ? -5 : 5, yref: 'paper', y: 1, yanchor: 'top',
      showarrow: false, font: { color: colour('stop'), size: 12 }, bgcolor: colour('panel')
    });
  }
  return {
    traces: [{
      type: 'bar', x: counts.map((_, index) => (edges[index] + edges[index + 1]) / 2), y: counts,
      width: counts.map((_, index) => (edges[index + 1] - edges[index]) * 0.94),
      marker: { color: colour('accent') }, hoverinfo: 'text', textposition: 'none',
      hovertext: counts.map((count, index) => exact(edges[index]) + ' to ' + exact(edges[index + 1]) + '<br><b>' + count.toLocaleString('en-US') + '</b> trials')
    }],
    layout: frame(colour, width, narrow ? 240 : 280, {
      margin: { l: 16, r: narrow ? 46 : 60, t: 14, b: 52 }, hovermode: 'closest', dragmode: false, bargap: 0, shapes, annotations, showlegend: false,
      xaxis: axis(colour, {
        title: title(data.metric, colour), ticksuffix: data.unit, range: [Math.min(first, data.best ?? first) - air, Math.max(last, data.best ?? last) + air],
        nticks: narrow ? 6 : 12, fixedrange: true, showgrid: false, zeroline: first < 0 && last > 0, zerolinecolor: colour('hold')
      }),
      yaxis: axis(colour, { side: 'right', title: title('trials', colour), fixedrange: true, nticks: 5, tickformat: ',d', rangemode: 'tozero' })
    })
  };
}

// Equity, with a band behind every other of the `windows`.
function equity(kind, colour, width) {
  const narrow = isNarrow(width), traces = data[kind].map(trace => curve(trace, colour));
  const below = legendRoom(width, traces.length);
  const windows = kind === 'walk' ? data.windows : [];
  const shapes = windows.filter((_, index) => index % 2 === 0).map(([from, to]) => ({
    type: 'rect', layer: 'below', x0: from, x1: to + ' 23:59:59', yref: 'paper', y0: 0, y1: 1, line: { width: 0 }, fillcolor: colour('grid'), opacity: 0.7
  }));
  return {
    traces,
    layout: frame(colour, width, (narrow ? 260 : 310) + below, {
      margin: { l: 10, r: narrow ? 52 : 66, t: narrow ? 34 : 26, b: 40 + below }, hovermode: 'x unified', showlegend: true, uirevision: 'keep', shapes,
      xaxis: axis(colour, { type: 'date', nticks: narrow ? 5 : 10 }),
      yaxis: axis(colour, { side: 'right', nticks: 8 })
    })
  };
}

function drawn(kind, colour, width) {
  if (kind === 'map') return data.line ? along(colour, width) : heat(colour, width);
  return kind === 'histogram' ? histogram(colour, width) : equity(kind, colour, width);
}

redrawn(fixed => {
  const colour = palette();
  for (const { kind, div } of charts) {
    const { traces, layout } = drawn(kind, colour, fixed || div.clientWidth);
    Plotly.react(div, traces, layout, kind === 'map' || kind === 'histogram' ? still : config);
  }
});
if (pair) pair.addEventListener('change', () => {
  const div = document.getElementById('chart-map'), { traces, layout } = heat(palette(), div.clientWidth);
  Plotly.react(div, traces, layout, still);
});
