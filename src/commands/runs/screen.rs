//! Progress of runs on the way to the user: a table that is drawn again in place on a terminal, lines of changes elsewhere, nothing for `--json`.

use super::view::{RunView, TaskView};
use crate::commands::table::{cut, duration, printable, render};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Columns and lines when the terminal does not say.
const SIZE: (usize, usize) = (100, 40);

pub(crate) struct Screen<W: Write> {
    output: W,
    style: Style,
}

/// The standard output, through the module that prints.
pub(crate) struct Standard;

impl Write for Standard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        crate::output::raw(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Columns and lines of the terminal behind the standard output.
pub(crate) fn terminal_size() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col.into(), size.ws_row.into()))
}

enum Style {
    Silent,
    /// What was last said of each task, and of each run under the empty name.
    Lines(BTreeMap<(i32, String), String>),
    Live {
        colours: bool,
        drawn: Vec<String>,
        size: fn() -> Option<(usize, usize)>,
    },
}

impl<W: Write> Screen<W> {
    pub(crate) fn silent(output: W) -> Self {
        Self {
            output,
            style: Style::Silent,
        }
    }

    pub(crate) fn lines(output: W) -> Self {
        Self {
            output,
            style: Style::Lines(BTreeMap::new()),
        }
    }

    /// `size` gives columns and lines of the terminal now.
    pub(crate) fn live(output: W, colours: bool, size: fn() -> Option<(usize, usize)>) -> Self {
        Self {
            output,
            style: Style::Live {
                colours,
                drawn: Vec::new(),
                size,
            },
        }
    }

    /// A line for the user, above the table when there is one.
    pub(crate) fn say(&mut self, text: &str) -> io::Result<()> {
        match &mut self.style {
            Style::Silent => Ok(()),
            Style::Lines(_) => writeln!(self.output, "{text}").and_then(|()| self.output.flush()),
            Style::Live { drawn, .. } => {
                let table = std::mem::take(drawn);
                erase(&mut self.output, table.len())?;
                writeln!(self.output, "{text}")?;
                draw(&mut self.output, &table)?;
                *drawn = table;
                Ok(())
            }
        }
    }

    /// A line below the table, which stays as it is.
    pub(crate) fn say_last(&mut self, text: &str) -> io::Result<()> {
        if let Style::Live { drawn, .. } = &mut self.style {
            drawn.clear();
        }
        self.say(text)
    }

    /// Shows how the runs stand now.
    pub(crate) fn show(&mut self, runs: &[RunView]) -> io::Result<()> {
        match &mut self.style {
            Style::Silent => Ok(()),
            Style::Lines(said) => {
                for change in runs.iter().flat_map(|run| changes(run, said)) {
                    writeln!(self.output, "{change}")?;
                }
                self.output.flush()
            }
            Style::Live { colours, drawn, size } => {
                let (columns, lines) = size().unwrap_or(SIZE);
                let frame = frame(runs, columns, lines, *colours);
                if frame != *drawn {
                    erase(&mut self.output, drawn.len())?;
                    draw(&mut self.output, &frame)?;
                    *drawn = frame;
                }
                Ok(())
            }
        }
    }
}

fn erase(output: &mut impl Write, lines: usize) -> io::Result<()> {
    // Up to the first line of the table, then clear to the end of the screen.
    if lines > 0 {
        write!(output, "\u{1b}[{lines}A\r\u{1b}[J")
    } else {
        Ok(())
    }
}

fn draw(output: &mut impl Write, frame: &[String]) -> io::Result<()> {
    for line in frame {
        writeln!(output, "{line}")?;
    }
    output.flush()
}

/// A line for the run and each task that does not stand as it was last said.
fn changes(run: &RunView, said: &mut BTreeMap<(i32, String), String>) -> Vec<String> {
    let mut changed = Vec::new();
    let mut tell = |name: &str, text: String| {
        let place = said
            .entry((run.workflow_instance_id, name.to_owned()))
            .or_default();
        if *place != text {
            place.clone_from(&text);
            changed.push(printable(&text));
        }
    };
    if !run.finished {
        tell(
            "",
            format!("{}: {}{}", run.name, run.state, on(run.host.as_deref())),
        );
    }
    for task in run.tasks.iter().filter(|task| task.task_instance_id.is_some()) {
        let attempt = if task.attempts > 1 {
            format!(", attempt {}", task.attempts_text())
        } else {
            String::new()
        };
        let text = format!(
            "{}: {}: {}{}{attempt}",
            run.name,
            task.name,
            task.state,
            on(task.host.as_deref())
        );
        tell(&task.name, text);
    }
    if run.finished {
        let took = run
            .duration_millis
            .map_or_else(String::new, |millis| format!(" after {}", duration(millis)));
        tell("", format!("{}: {}{took}", run.name, run.state));
    }
    changed
}

fn on(host: Option<&str>) -> String {
    host.map_or_else(String::new, |host| format!(" on {host}"))
}

/// The table for a terminal of this size. One that is too long keeps what is going on and counts the rest.
fn frame(runs: &[RunView], columns: usize, lines: usize, colours: bool) -> Vec<String> {
    // The line of the cursor stays free, and each run has a line and a heading of its own.
    let room = lines.saturating_sub(1 + 2 * runs.len()).max(runs.len());
    let room_each = room / runs.len().max(1);
    let mut frame = Vec::new();
    for run in runs {
        let took = run
            .duration_millis
            .map_or_else(String::new, |millis| format!("  {}", duration(millis)));
        let heading = format!(
            "{}  {}{took}{}",
            printable(&run.name),
            run.state,
            on(run.host.as_deref())
        );
        frame.push(painted(cut(&heading, columns), run.state, colours));
        let shown = most_telling(&run.tasks, room_each);
        let rows: Vec<_> = shown.iter().map(|task| row(task)).collect();
        let mut table = render(&["TASK", "STATE", "ATTEMPT", "TIME", "HOST"], &rows, 2).into_iter();
        frame.extend(table.next().map(|titles| cut(&titles, columns)));
        frame.extend(
            table
                .zip(&shown)
                .map(|(line, task)| painted(cut(&line, columns), task.state, colours)),
        );
        let hidden = run.tasks.len() - shown.len();
        if hidden > 0 {
            frame.push(cut(&format!("  and {hidden} more tasks"), columns));
        }
    }
    frame
}

fn row(task: &TaskView) -> Vec<String> {
    vec![
        task.name.clone(),
        task.state.to_owned(),
        task.attempts_text(),
        task.duration_millis.map(duration).unwrap_or_default(),
        task.host.clone().unwrap_or_default(),
    ]
}

/// At most `room` lines of tasks: those that failed or run first, in the order of the workflow.
fn most_telling(tasks: &[TaskView], room: usize) -> Vec<&TaskView> {
    if tasks.len() <= room {
        return tasks.iter().collect();
    }
    let rank = |task: &TaskView| match task.state {
        _ if task.failed() => 0,
        "RUNNING_EXECUTION" | "DISPATCH" => 1,
        "WAITING" | "SUBMITTED_SUCCESS" | "DELAY_EXECUTION" => 2,
        _ => 3,
    };
    let mut order: Vec<usize> = (0..tasks.len()).collect();
    order.sort_by_key(|index| rank(&tasks[*index]));
    // One line says how many are left out.
    order.truncate(room.saturating_sub(1));
    order.sort_unstable();
    order.into_iter().map(|index| &tasks[index]).collect()
}

fn painted(line: String, state: &str, colours: bool) -> String {
    let colour = match state {
        _ if !colours => return line,
        "SUCCESS" | "FORCED_SUCCESS" => "32",
        "FAILURE" | "KILL" | "STOP" | "NEED_FAULT_TOLERANCE" => "31",
        "RUNNING_EXECUTION" | "DISPATCH" => "36",
        "FAILOVER" => "33",
        _ => return line,
    };
    format!("\u{1b}[{colour}m{line}\u{1b}[0m")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "screen_tests.rs"]
mod tests;
