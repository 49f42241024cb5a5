// Draws the charts in the page's colours and width, links their time axes, sorts the trade table.
(function () {
  'use strict';
  const root = document.documentElement;
  const data = JSON.parse(document.getElementById('data').textContent);
  const charts = ['price', 'equity', 'drawdown'].map(kind => ({ kind, div: document.getElementById('chart-' + kind) }));
  const logScale = document.getElementById('log-scale');
  const coarse = matchMedia('(pointer: coarse)').matches;

  sortable();
  if (typeof Plotly === 'undefined') {
    for (const { div } of charts) div.innerHTML = '<p>The chart library is missing: keep it beside this page.</p>';
    return;
  }

  // All charts show the same time, so that what is above each other happened together.
  const times = data.equity[data.equity.length - 1].x, starts = data.price[0].x;
  const span = starts.length ? [starts[0], times[times.length - 1]] : undefined;

  const SHAPES = {
    signal: 'circle', reverse: 'diamond', stop_loss: 'x', trailing_stop: 'cross', take_profit: 'star',
    time_stop: 'square', max_loss: 'hourglass', end_of_data: 'pentagon'
  };

  function palette() {
    const style = getComputedStyle(root);
    return name => style.getPropertyValue('--' + name).trim();
  }

  // A trace as it came, in the colours of what it is.
  function painted(trace, colour, lines) {
    const t = Object.assign({}, trace);
    const line = (name, width, more) => { t.line = Object.assign({}, trace.line, { color: colour(name), width }, more); };
    const marker = (name, symbol, size) => {
      t.marker = { color: colour(name), symbol, size, line: { color: colour('panel'), width: 1 } };
    };
    if (t.type === 'candlestick') {
      t.increasing = { line: { color: colour('up'), width: 1 }, fillcolor: colour('up') };
      t.decreasing = { line: { color: colour('down'), width: 1 }, fillcolor: colour('down') };
      return t;
    }
    switch (t.meta) {
      case 'equity': line('accent', 1.8); break;
      case 'hold': line('hold', 1.3, { dash: 'dot' }); break;
      case 'drawdown':
        line('down', 1.2);
        t.fill = 'tozeroy';
        t.fillcolor = 'rgba(' + colour('heat-down') + ', 0.18)';
        break;
      case 'stop': line('stop', 1.2, { dash: 'dash' }); break;
      case 'path_won': line('up', 1.2, { dash: 'dot' }); t.legendgroup = 'won'; break;
      case 'path_lost': line('down', 1.2, { dash: 'dot' }); t.legendgroup = 'lost'; break;
      case 'long': marker('long', 'triangle-up', 9); break;
      case 'short': marker('short', 'triangle-down', 9); break;
      case 'won': marker('up', trace.customdata.map(reason => SHAPES[reason] || 'circle'), 8); t.legendgroup = 'won'; break;
      case 'lost': marker('down', trace.customdata.map(reason => SHAPES[reason] || 'circle'), 8); t.legendgroup = 'lost'; break;
      default:
        line('line-' + (lines.count++ % 6 + 1), 1.3);
    }
    t.hoverlabel = { namelength: -1 };
    return t;
  }

  function axis(colour, more) {
    return Object.assign({
      gridcolor: colour('grid'), zerolinecolor: colour('rule'), linecolor: colour('rule'), tickcolor: colour('rule'),
      fixedrange: false
    }, more);
  }

  function layout(kind, colour, width) {
    const narrow = width < 560;
    const panes = kind === 'price' ? data.panes : [];
    const base = { price: narrow ? 330 : 470, equity: narrow ? 240 : 300, drawdown: narrow ? 150 : 180 }[kind];
    const pane = narrow ? 100 : 120;
    const height = base + panes.length * pane;
    const share = panes.length * pane / height;
    const unit = { price: '', equity: '', drawdown: '%' }[kind];
    const result = {
      width, height, uirevision: 'keep',
      paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)',
      font: { family: getComputedStyle(document.body).fontFamily, size: narrow ? 11 : 12, color: colour('muted') },
      margin: { l: 10, r: narrow ? 52 : 66, t: kind === 'drawdown' ? 32 : 10, b: 30 },
      modebar: { bgcolor: 'rgba(0,0,0,0)', color: colour('hold'), activecolor: colour('ink') },
      dragmode: coarse ? false : 'zoom',
      hovermode: kind === 'price' ? 'closest' : 'x unified',
      hoverlabel: { bgcolor: colour('panel'), bordercolor: colour('rule'), font: { color: colour('ink') }, align: 'left' },
      legend: { orientation: 'h', x: 0, xanchor: 'left', y: 1.01, yanchor: 'bottom', bgcolor: 'rgba(0,0,0,0)', font: { color: colour('ink') } },
      showlegend: kind !== 'drawdown',
      xaxis: axis(colour, {
        type: 'date', range: span, rangeslider: { visible: false }, anchor: panes.length ? 'y' + (panes.length + 1) : 'y',
        nticks: narrow ? 5 : 10, showspikes: kind === 'price', spikemode: 'across', spikethickness: 1, spikedash: 'dot', spikecolor: colour('hold')
      }),
      yaxis: axis(colour, {
        side: 'right', domain: [share ? share + 0.02 : 0, 1], ticksuffix: unit, nticks: kind === 'drawdown' ? 5 : 8,
        type: logScale.checked && kind !== 'drawdown' ? 'log' : 'linear'
      }),
      annotations: []
    };
    panes.forEach((name, index) => {
      const step = share / panes.length;
      const top = share - index * step;
      result['yaxis' + (index + 2)] = axis(colour, { side: 'right', domain: [top - step + 0.01, top - 0.015], nticks: 4 });
      result.annotations.push({
        text: name, xref: 'paper', yref: 'paper', x: 0, y: top - 0.015, xanchor: 'left', yanchor: 'top',
        showarrow: false, bgcolor: colour('panel'), borderpad: 2, font: { color: colour('ink'), size: 11 }
      });
    });
    return result;
  }

  const config = {
    displaylogo: false, responsive: false, scrollZoom: false, doubleClick: 'reset',
    displayModeBar: coarse ? true : 'hover',
    modeBarButtonsToRemove: ['select2d', 'lasso2d', 'autoScale2d']
  };

  function draw(fixed) {
    const colour = palette();
    for (const { kind, div } of charts) {
      const lines = { count: 0 };
      const width = fixed || div.clientWidth;
      Plotly.react(div, data[kind].map(trace => painted(trace, colour, lines)), layout(kind, colour, width), config);
    }
  }

  // The time axes move together, and the value axis follows what is in view.
  let linking = false;
  function link() {
    for (const chart of charts) {
      chart.div.on('plotly_relayout', event => {
        if (linking) return;
        const from = event['xaxis.range[0]'], to = event['xaxis.range[1]'];
        if (from === undefined && !event['xaxis.autorange']) return;
        linking = true;
        const zoomed = event['yaxis.range[0]'] !== undefined;
        Promise.all(charts.map(other => {
          const change = from === undefined ? { 'xaxis.autorange': true, 'yaxis.autorange': true } : { 'xaxis.range': [from, to] };
          if (from !== undefined && !(other === chart && zoomed)) {
            const range = inView(other.div, Date.parse(utc(from)), Date.parse(utc(to)));
            if (range) change['yaxis.range'] = range;
          }
          if (other === chart && from === undefined) return null;
          return Plotly.relayout(other.div, change);
        })).finally(() => { linking = false; });
      });
    }
  }

  // The chart library writes dates without a zone and means UTC.
  function utc(date) {
    return typeof date === 'number' ? new Date(date).toISOString() : date.replace(' ', 'T').replace(/^(\d{4}-\d\d-\d\d)$/, '$1T00:00:00') + 'Z';
  }

  function inView(div, from, to) {
    let low = Infinity, high = -Infinity;
    for (const trace of div.data) {
      if (trace.yaxis && trace.yaxis !== 'y') continue;
      const lows = trace.low || trace.y, highs = trace.high || trace.y;
      trace.x.forEach((x, index) => {
        if (x < from || x > to || lows[index] === null) return;
        low = Math.min(low, lows[index]);
        high = Math.max(high, highs[index]);
      });
    }
    const log = div.layout.yaxis.type === 'log';
    if (log) { low = Math.log10(low); high = Math.log10(high); }
    if (!isFinite(low) || !isFinite(high)) return null;
    const air = (high - low) * 0.05 || Math.abs(high) * 0.01 || 1;
    return [low - air, high + air];
  }

  draw();
  link();
  logScale.addEventListener('change', () => {
    draw();
    for (const { div } of charts) Plotly.relayout(div, { 'yaxis.autorange': true });
  });
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

  function sortable() {
    for (const table of document.querySelectorAll('table.sortable')) {
      const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
      heads.forEach((head, column) => head.querySelector('button').addEventListener('click', () => {
        const down = head.getAttribute('aria-sort') !== 'descending';
        heads.forEach(other => other.removeAttribute('aria-sort'));
        head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
        const number = head.classList.contains('n');
        const key = row => {
          const text = row.cells[column].textContent.trim();
          return number ? parseFloat(text.replace(/,/g, '')) || 0 : text;
        };
        const order = (a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0) * (down ? -1 : 1);
        const rows = [...body.rows].map(row => [key(row), row]).sort(order);
        body.append(...rows.map(pair => pair[1]));
      }));
    }
  }
})();
