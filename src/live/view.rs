//! The terminal view of a running trader: one screen of what matters, and the last events.

use super::plain::{Line, Tone, clock, wrapping};
use super::status::{Life, Protected, Status, ago};
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line as Row, Span};
use ratatui::widgets::Paragraph;
use std::io;
use std::time::Duration;

/// What has to fit.
pub const LEAST_WIDTH: u16 = 60;
pub const LEAST_HEIGHT: u16 = 15;
/// Lines of events that are shown at least.
const EVENTS_LEAST: usize = 4;
const LABEL: usize = 10;
/// From this width on a text of one label may take two lines.
const WRAPPED_MAX: usize = 2;

/// What was pressed, as far as it means anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// `q` or Ctrl-C: the trader is to stop.
    Stop,
}

/// The terminal, taken over until this is dropped, or the program panics.
pub struct View {
    terminal: ratatui::DefaultTerminal,
}

impl View {
    /// Takes the terminal over: raw mode, alternate screen. Whatever else would be written to it has to go to a file
    /// from now on.
    pub fn start() -> io::Result<View> {
        // Sets a hook, too, that gives the terminal back before a panic is printed.
        Ok(View { terminal: ratatui::try_init()? })
    }

    /// `events`: the newest last.
    pub fn draw(&mut self, status: &Status, events: &[Line], now_ms: i64) -> io::Result<()> {
        self.terminal.draw(|frame| draw(frame, status, events, now_ms)).map(|_| ())
    }

    /// The next key that means anything; does not wait. Without a terminal any more: asked to stop.
    pub fn poll(&mut self) -> Option<Key> {
        while event::poll(Duration::ZERO).unwrap_or(false) {
            match event::read() {
                Ok(event) => {
                    if let Some(key) = key(&event) {
                        return Some(key);
                    }
                }
                Err(_) => return Some(Key::Stop),
            }
        }
        None
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // Nobody is left to tell.
        let _ = ratatui::try_restore();
    }
}

/// What an event of the terminal means.
pub fn key(event: &Event) -> Option<Key> {
    let Event::Key(KeyEvent { code: KeyCode::Char(letter), modifiers, kind, .. }) = event else {
        return None;
    };
    let control = modifiers.contains(KeyModifiers::CONTROL);
    let stops = match letter.to_ascii_lowercase() {
        'c' => control,
        'q' => !control && !modifiers.contains(KeyModifiers::ALT),
        _ => false,
    };
    (stops && *kind == KeyEventKind::Press).then_some(Key::Stop)
}

fn style(tone: Tone) -> Style {
    match tone {
        Tone::Plain => Style::new(),
        Tone::Good => Style::new().fg(Color::Green),
        Tone::Bad => Style::new().fg(Color::Red),
        Tone::Warn => Style::new().fg(Color::Yellow),
        Tone::Dim => Style::new().add_modifier(Modifier::DIM),
    }
}

/// Draws one screen. What it shows depends on its arguments alone.
pub fn draw(frame: &mut Frame<'_>, status: &Status, events: &[Line], now_ms: i64) {
    let area = frame.area();
    if area.width < LEAST_WIDTH || area.height < LEAST_HEIGHT {
        return draw_too_small(frame, area);
    }
    let mut status = status.clone();
    status.as_of = now_ms;
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)]).areas(area);
    draw_head(frame, &status, head, now_ms);

    let width = usize::from(area.width);
    let room = usize::from(body.height).saturating_sub(EVENTS_LEAST + 1);
    let rows = status_rows(&status, width, room);
    let shown = u16::try_from(rows.len()).unwrap_or(body.height);
    let [top, rule, list] =
        Layout::vertical([Constraint::Length(shown), Constraint::Length(1), Constraint::Min(0)]).areas(body);
    frame.render_widget(Paragraph::new(rows), top);
    let dim = style(Tone::Dim);
    frame.render_widget(Row::styled(format!("{:─<width$}", "── events "), dim), rule);
    frame.render_widget(Paragraph::new(event_rows(events, width, usize::from(list.height))), list);
    let protected = status.position.as_ref().map(|position| position.protected);
    let help = match (status.risk.stopping, protected) {
        (true, _) => "stopping …",
        (false, Some(Protected::OnExchange)) => "q stop (the levels stay on the exchange)",
        (false, Some(Protected::Watched)) => "q stop (NOBODY watches the levels then)",
        (false, _) => "q stop",
    };
    frame.render_widget(Row::styled(help, dim), foot);
}

fn draw_too_small(frame: &mut Frame<'_>, area: Rect) {
    let text = format!(
        "too small: {} by {}, this view needs {LEAST_WIDTH} by {LEAST_HEIGHT}; q stops",
        area.width, area.height
    );
    let rows: Vec<Row<'_>> = textwrap::wrap(&text, usize::from(area.width.max(1)))
        .into_iter()
        .map(|row| Row::raw(row.into_owned()))
        .collect();
    frame.render_widget(Paragraph::new(rows), area);
}

fn draw_head(frame: &mut Frame<'_>, status: &Status, area: Rect, now_ms: i64) {
    let life = match status.process.state {
        Life::Running if status.risk.stopping => "stopping".to_owned(),
        Life::Running if status.script.stopped.is_some() => "script stopped".to_owned(),
        Life::Running if status.risk.paused => "paused".to_owned(),
        Life::Running => format!("running {}", ago(now_ms - status.process.since)),
        _ => status.life(),
    };
    let time = format!("{} UTC", clock(now_ms));
    let width = usize::from(area.width);
    // Whether all is well comes before the name's last letters.
    let room = width.saturating_sub(time.len() + life.chars().count() + 6);
    let text = format!(" {} · {life}", clipped(&status.title(), room));
    let space = width.saturating_sub(text.chars().count() + time.len() + 1);
    let bar = Style::new().add_modifier(Modifier::REVERSED);
    frame.render_widget(Row::styled(format!("{text}{}{time} ", " ".repeat(space)), bar), area);
}

/// The lines that fit into `room`: what matters least goes first.
fn status_rows(status: &Status, width: usize, room: usize) -> Vec<Row<'static>> {
    let mut lines = status.lines();
    let mut most = WRAPPED_MAX;
    loop {
        let rows: Vec<Row<'static>> = lines.iter().flat_map(|line| wrapped(line, width, most)).collect();
        if rows.len() <= room {
            return rows;
        }
        // First a line each, then without the least of them.
        if most > 1 {
            most = 1;
            continue;
        }
        let Some(worst) = lines.iter().map(|line| line.rank).max().filter(|rank| *rank > 0) else {
            return rows.into_iter().take(room).collect();
        };
        if let Some(index) = lines.iter().rposition(|line| line.rank == worst) {
            lines.remove(index);
        }
    }
}

fn wrapped(line: &super::status::StatusLine, width: usize, most: usize) -> Vec<Row<'static>> {
    let room = width.saturating_sub(LABEL).max(1);
    let mut texts: Vec<String> = match most {
        1 => vec![line.text.clone()],
        _ => textwrap::wrap(&line.text, wrapping(room)).into_iter().map(|row| row.into_owned()).collect(),
    };
    if texts.len() > most {
        let rest = texts.split_off(most - 1).join(" ");
        texts.push(rest);
    }
    let rows = texts.into_iter().enumerate().map(|(index, text)| {
        let label = if index == 0 { line.label } else { "" };
        let label = Span::styled(format!("{label:<LABEL$}"), style(Tone::Dim));
        Row::from(vec![label, Span::styled(clipped(&text, room).replace('\u{a0}', " "), style(line.tone))])
    });
    rows.collect()
}

/// The newest at the bottom, as many as fit.
fn event_rows(events: &[Line], width: usize, room: usize) -> Vec<Row<'static>> {
    let first = events.len().saturating_sub(room);
    let shown = events.iter().skip(first);
    let rows = shown.map(|event| {
        let time = Span::styled(format!("{:<LABEL$}", clock(event.at)), style(Tone::Dim));
        let text = clipped(&event.text, width.saturating_sub(LABEL));
        Row::from(vec![time, Span::styled(text, style(event.tone))])
    });
    rows.collect()
}

fn clipped(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(std::iter::once('…')).collect()
}
