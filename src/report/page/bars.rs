//! Which arrays make the traffic? Bars of bytes, on a logarithmic scale that all arrays share.

use super::super::figures::{grouped, rounded};
use super::super::plot::escaped;
use super::super::{ArrayTraffic, Report};

pub fn bars(report: &Report) -> String {
    let bytes = |array: &ArrayTraffic| {
        [
            ("naive", array.naive.bytes()),
            ("per nest", array.per_nest.bytes()),
            ("optimized", array.traffic.bytes()),
            ("compulsory", array.compulsory_bytes),
        ]
    };
    let most = report.arrays.iter().flat_map(|a| bytes(a).map(|(_, bytes)| bytes)).max().unwrap_or(1).max(10);
    let mut html = String::from(
        "<p>The length of a bar is the logarithm of its bytes.</p>\n<div class=\"wide\"><table class=\"bars\">\n",
    );
    for array in &report.arrays {
        for (n, (name, bytes)) in bytes(array).into_iter().enumerate() {
            let head = match n {
                0 => format!(
                    "<th scope=\"rowgroup\" rowspan=\"4\">{} <small>{}</small></th>",
                    escaped(&array.name),
                    array.role
                ),
                _ => String::new(),
            };
            let width = 100.0 * libm::log10(bytes.max(1) as f64) / libm::log10(most as f64);
            html += &format!(
                "<tr>{head}<td>{name}</td><td class=\"bar\"><i class=\"{}\" style=\"width:{width:.1}%\"></i></td>\
                 <td data-array=\"{}\" data-kind=\"{name}\" data-bytes=\"{bytes}\" title=\"{}\">{}</td></tr>\n",
                name.replace(' ', "-"),
                escaped(&array.name),
                rounded(bytes as f64),
                grouped(bytes)
            );
        }
    }
    html + "</table></div>\n"
}
