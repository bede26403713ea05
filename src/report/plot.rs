//! How does a curve of bytes against capacity look? As SVG that stands alone, in light and in dark.
//!
//! Both axes are logarithmic. Logarithms come from `libm`, so that a picture is the same on every machine.

use super::curve::{Curve, Outcome};
use super::figures::{rounded, size};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 28.0;
const TOP: f64 = 58.0;
const BOTTOM: f64 = 46.0;

/// Colours and strokes; the names begin alike so that a page may hold the picture beside its own.
const STYLE: &str = "
.pf-plot { font: 12px system-ui, sans-serif; --ink: #1d2330; --faint: #d5dae3; --paper: #ffffff; --a: #0b62c4; --b: #9a5b00; --c: #5b6472; }
@media (prefers-color-scheme: dark) { .pf-plot { --ink: #e6e9ef; --faint: #3a414f; --paper: #161a22; --a: #6db3ff; --b: #f0b35a; --c: #a3adbd; } }
.pf-plot text { fill: var(--ink); } .pf-plot .title { font-weight: 600; font-size: 14px; }
.pf-plot .paper { fill: var(--paper); } .pf-plot .grid { stroke: var(--faint); fill: none; }
.pf-plot .line { fill: none; stroke-width: 2; } .pf-plot .optimized { stroke: var(--a); } .pf-plot .dot { fill: var(--a); }
.pf-plot .per-nest { stroke: var(--b); stroke-dasharray: 7 4; } .pf-plot .bound { stroke: var(--c); stroke-dasharray: 2 3; }
.pf-plot .machine { stroke: var(--c); stroke-width: 1; }
";

/// A logarithmic axis: values from `lo` to `hi` on pixels from `from` to `to`.
struct Axis {
    lo: f64,
    hi: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// An axis that holds all values, which are at least 1, and has some length.
    fn of(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Axis {
        let (lo, hi) = values.fold((f64::INFINITY, 1.0f64), |(lo, hi), v| (lo.min(v.max(1.0)), hi.max(v)));
        let (lo, hi) = if lo < hi { (lo, hi) } else { (hi / 2.0, hi * 2.0) };
        Axis { lo, hi, from, to }
    }

    fn at(&self, value: f64) -> f64 {
        let part = libm::log2(value.max(1.0) / self.lo) / libm::log2(self.hi / self.lo);
        self.from + part * (self.to - self.from)
    }

    fn holds(&self, value: f64) -> bool {
        (self.lo..=self.hi).contains(&value)
    }
}

/// A curve as a picture.
pub fn plot(curve: &Curve) -> String {
    let capacities = curve.points.iter().map(|p| p.scratchpad_bytes as f64);
    let x = Axis::of(capacities, LEFT, WIDTH - RIGHT);
    let series = Series::of(curve);
    let values = series.iter().flat_map(|s| &s.points).map(|(_, bytes)| *bytes);
    let low = Axis::of(values.clone(), 0.0, 0.0);
    // Some air above and below, so that flat curves are not on the frame.
    let y = Axis::of([low.lo / 1.15, low.hi * 1.15].into_iter(), HEIGHT - BOTTOM, TOP);
    let title = format!("{}: bytes to and from DRAM against the scratchpad", curve.kernel);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"pf-plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"{title}\">\n<style>{STYLE}</style>\n<rect class=\"paper\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n\
         <text class=\"title\" x=\"{LEFT}\" y=\"22\">{title}</text>\n",
        title = escaped(&title)
    );
    svg += &grid(&x, &y);
    svg += &machine(curve, &x);
    for (n, series) in series.iter().enumerate() {
        svg += &series.drawn(&x, &y, LEFT + 150.0 * n as f64);
    }
    svg + "</svg>\n"
}

/// Text inside an element or an attribute.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn grid(x: &Axis, y: &Axis) -> String {
    let mut svg = String::new();
    let powers: Vec<i64> = (0..62).map(|p| 1i64 << p).filter(|&c| x.holds(c as f64)).collect();
    for capacity in powers.iter().step_by(powers.len() / 13 + 1) {
        let at = x.at(*capacity as f64);
        svg += &format!("<path class=\"grid\" d=\"M{at:.1} {TOP}V{:.1}\"/>", HEIGHT - BOTTOM);
        svg += &format!(
            "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
            HEIGHT - BOTTOM + 18.0,
            size(*capacity)
        );
    }
    let decades = libm::log10(y.hi / y.lo);
    let steps: &[f64] = if decades < 4.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let ticks = (0..19).flat_map(|p| steps.iter().map(move |s| s * (0..p).fold(1.0, |v, _| v * 10.0)));
    for bytes in ticks.filter(|&bytes| y.holds(bytes)) {
        let at = y.at(bytes);
        svg += &format!("<path class=\"grid\" d=\"M{LEFT} {at:.1}H{:.1}\"/>", WIDTH - RIGHT);
        svg += &format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
            LEFT - 8.0,
            at + 4.0,
            tick(bytes)
        );
    }
    svg + &format!("<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">scratchpad</text>\n", WIDTH - RIGHT, HEIGHT - 8.0)
}

/// A round number of bytes without the digits that rounding would give it.
fn tick(bytes: f64) -> String {
    rounded(bytes).replace(".00", "").replace(".0 ", " ")
}

/// Where the machine's own scratchpad is, if the axis reaches it.
fn machine(curve: &Curve, x: &Axis) -> String {
    let capacity = curve.machine.scratchpad_bytes as f64;
    if !x.holds(capacity) {
        return String::new();
    }
    let at = x.at(capacity);
    let (anchor, beside) = if at > WIDTH / 2.0 { ("end", at - 5.0) } else { ("start", at + 5.0) };
    format!(
        "<path class=\"machine\" d=\"M{at:.1} {TOP}V{:.1}\"/><text x=\"{beside:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>\n",
        HEIGHT - BOTTOM,
        TOP + 14.0,
        escaped(&curve.machine.name)
    )
}

/// A line of the picture.
struct Series {
    class: &'static str,
    name: &'static str,
    has_dots: bool,
    /// Capacity and bytes.
    points: Vec<(f64, f64)>,
}

impl Series {
    fn of(curve: &Curve) -> [Series; 3] {
        let (mut optimized, mut alone, mut bound) = (Vec::new(), Vec::new(), Vec::new());
        for point in &curve.points {
            let x = point.scratchpad_bytes as f64;
            if let Outcome::Schedule { per_nest, optimized: moved, lower_bound_bytes, .. } = &point.outcome {
                optimized.push((x, moved.bytes() as f64));
                alone.push((x, per_nest.bytes() as f64));
                bound.push((x, *lower_bound_bytes as f64));
            }
        }
        let series = |class, name, has_dots, points| Series { class, name, has_dots, points };
        [
            series("per-nest", "per nest", false, alone),
            series("bound", "lower bound", false, bound),
            series("optimized", "optimized", true, optimized),
        ]
    }

    fn drawn(&self, x: &Axis, y: &Axis, legend: f64) -> String {
        let mut points: Vec<(f64, f64)> = self.points.clone();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let path: Vec<String> = points.iter().map(|(c, b)| format!("{:.1} {:.1}", x.at(*c), y.at(*b))).collect();
        let mut svg = format!(
            "<path class=\"line {}\" d=\"M{legend} 40h26\"/><text x=\"{}\" y=\"44\">{}</text>\n",
            self.class,
            legend + 32.0,
            self.name
        );
        if !path.is_empty() {
            svg += &format!("<path class=\"line {}\" d=\"M{}\"/>\n", self.class, path.join("L"));
        }
        for (capacity, bytes) in points.iter().filter(|_| self.has_dots) {
            svg += &format!(
                "<circle class=\"dot\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\"><title>{}: {}</title></circle>\n",
                x.at(*capacity),
                y.at(*bytes),
                size(*capacity as i64),
                rounded(*bytes)
            );
        }
        svg
    }
}
