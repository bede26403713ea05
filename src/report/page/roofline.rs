//! Is the program bound by its traffic or by its operations? Operations a second that the machine can reach, against operations a byte.
//!
//! The flat part of the roof is the rate of the program's own mix of engines.
//!
//! Source: Williams, Waterman, Patterson, "Roofline: an insightful visual performance model for multicore architectures", CACM 52(4), 2009.

use super::super::Report;
use super::super::figures::rounded;
use crate::machine::Rates;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 356.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 60.0;

/// `None` where there is no model of time or nothing to compute.
pub fn roofline(report: &Report, rates: Option<&Rates>) -> Option<String> {
    let (time, rates) = (report.time.as_ref()?, rates?);
    let operations = report.operations.optimized as f64;
    if time.compute_seconds() <= 0.0 || operations <= 0.0 {
        return None;
    }
    let (peak, bandwidth) = (operations / time.compute_seconds(), rates.dma_bytes_per_second as f64);
    let dram = &report.dram;
    let points = [("naive", dram.naive), ("per nest", dram.per_nest), ("optimized", dram.optimized)]
        .map(|(name, traffic)| (name, operations / traffic.bytes().max(1) as f64));
    let ridge = peak / bandwidth;
    let all = points.iter().map(|(_, x)| *x).chain([ridge]);
    let (lo, hi) = all.fold((f64::INFINITY, 0.0f64), |(lo, hi), x| (lo.min(x / 2.0), hi.max(x * 2.0)));
    let reached = |x: f64| peak.min(bandwidth * x);
    let log = |v: f64, lo: f64, hi: f64| libm::log2(v / lo) / libm::log2(hi / lo);
    let (low, high) = (reached(lo), peak * 2.0);
    let x = |v: f64| LEFT + log(v, lo, hi) * (WIDTH - LEFT - RIGHT);
    let y = |v: f64| HEIGHT - BOTTOM - log(v, low, high) * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        "<svg class=\"drawn\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Roofline\">\n\
         <path class=\"grid\" d=\"M{LEFT} {TOP}V{bottom}H{right}\"/>\n\
         <path class=\"roof\" d=\"M{:.1} {:.1}L{:.1} {:.1}L{:.1} {:.1}\"/>\n\
         <text x=\"{right}\" y=\"{:.1}\" text-anchor=\"end\">{} for this mix of engines</text>\n\
         <text x=\"{right}\" y=\"{:.1}\" text-anchor=\"end\">operations a byte</text>\n",
        x(lo),
        y(low),
        x(ridge),
        y(peak),
        x(hi),
        y(peak),
        y(peak) - 8.0,
        rate(peak),
        HEIGHT - 8.0,
        bottom = HEIGHT - BOTTOM,
        right = WIDTH - RIGHT,
    );
    for (n, (name, intensity)) in points.into_iter().enumerate() {
        let (at, up) = (x(intensity), y(reached(intensity)));
        svg += &format!(
            "<circle class=\"{}\" cx=\"{at:.1}\" cy=\"{up:.1}\" r=\"5\"><title>{name}: {intensity:.2} operations a byte, {}</title></circle>\
             <path class=\"grid\" d=\"M{at:.1} {up:.1}V{:.1}\"/><text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{name} {intensity:.2}</text>\n",
            name.replace(' ', "-"),
            rate(reached(intensity)),
            HEIGHT - BOTTOM,
            HEIGHT - BOTTOM + 14.0 + if n == 1 { 17.0 } else { 0.0 }
        );
    }
    Some(svg + "</svg>\n")
}

/// `1.25 Tops/s`
fn rate(operations_per_second: f64) -> String {
    format!("{}ops/s", rounded(operations_per_second).trim_end_matches('B').replace('k', "K"))
}
