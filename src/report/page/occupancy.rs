//! Does everything fit? Each buffer where it lies in the arena, for the steps beside which it lives.

use super::super::Report;
use super::super::figures::{grouped, size};
use super::super::plot::escaped;
use super::COLOURS;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 34.0;

pub fn occupancy(report: &Report) -> String {
    let scratchpad = &report.scratchpad;
    let steps = scratchpad.steps.len().max(1) as f64;
    // A scratchpad that is almost empty would leave nothing to be seen.
    let fills = scratchpad.arena_bytes.saturating_mul(4) >= report.machine.scratchpad_bytes;
    let top = if fills { report.machine.scratchpad_bytes } else { scratchpad.arena_bytes.max(1) };
    let x = |step: f64| LEFT + step / steps * (WIDTH - LEFT - RIGHT);
    let y = |bytes: i64| HEIGHT - BOTTOM - bytes as f64 / top as f64 * (HEIGHT - TOP - BOTTOM);
    let title =
        format!("{} buffers in an arena of {} bytes", scratchpad.buffers.len(), grouped(scratchpad.arena_bytes));
    let mut svg =
        format!("<svg class=\"drawn\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\n");
    let line = |bytes: i64, text: &str| {
        format!(
            "<path class=\"grid\" d=\"M{LEFT} {0:.1}H{1:.1}\"/><text x=\"{2:.1}\" y=\"{3:.1}\" text-anchor=\"end\">{text}</text>\n",
            y(bytes),
            WIDTH - RIGHT,
            LEFT - 6.0,
            y(bytes) + 4.0
        )
    };
    svg += &line(0, "0");
    svg += &line(top, &if fills { size(top) } else { grouped(top) });
    for (n, buffer) in scratchpad.buffers.iter().enumerate() {
        let (from, to) = (x(buffer.alive.0 as f64), x(buffer.alive.1 as f64 + 1.0));
        let (low, high) = (y(buffer.offset), y(buffer.offset.saturating_add(buffer.bytes)));
        let name = escaped(&buffer.name);
        svg += &format!(
            "<g class=\"g{}\"><rect data-buffer=\"{name}\" x=\"{from:.1}\" y=\"{high:.1}\" width=\"{:.1}\" height=\"{:.1}\">\
             <title>{name}: {} bytes at {}</title></rect>",
            n % COLOURS,
            to - from,
            (low - high).max(1.0),
            grouped(buffer.bytes),
            grouped(buffer.offset)
        );
        if low - high > 14.0 && to - from > 7.0 * buffer.name.len() as f64 {
            svg += &format!("<text x=\"{:.1}\" y=\"{:.1}\">{name}</text>", from + 4.0, high + 12.0);
        }
        svg += "</g>\n";
    }
    let every = scratchpad.steps.len() / 24 + 1;
    for (step, label) in scratchpad.steps.iter().enumerate().step_by(every) {
        svg += &format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
            x(step as f64 + 0.5),
            HEIGHT - BOTTOM + 16.0,
            escaped(label)
        );
    }
    svg + &format!("<text x=\"{LEFT}\" y=\"16\">{title}</text>\n</svg>\n")
}
