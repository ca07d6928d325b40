//! Content negotiation for `/`: whether the client is a browser that prefers a page.

use axum::http::{HeaderMap, header::ACCEPT};

/// Whether the `Accept` header ranks `text/html` above `application/json`. Without the header, and with
/// `*/*`, it does not: curl gets JSON.
pub(crate) fn prefers_html(headers: &HeaderMap) -> bool {
    let ranges: Vec<(&str, f32)> = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(media_range)
        .collect();
    quality(&ranges, "text/html", "text/*") > quality(&ranges, "application/json", "application/*")
}

/// Splits `text/html;level=1;q=0.5` into the type and its weight; an invalid weight counts as 0.
fn media_range(range: &str) -> (&str, f32) {
    let mut parts = range.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    (media_type, weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)))
}

/// Returns the weight of the most specific range that covers a media type (RFC 9110, 12.5.1).
fn quality(ranges: &[(&str, f32)], exact: &str, family: &str) -> f32 {
    [exact, family, "*/*"]
        .iter()
        .find_map(|wanted| ranges.iter().find(|(media_type, _)| media_type.eq_ignore_ascii_case(wanted)))
        .map_or(0.0, |(_, weight)| *weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefers(accept: &str) -> bool {
        prefers_html(&HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]))
    }

    #[test]
    fn browsers_prefer_html() {
        assert!(prefers("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
        assert!(prefers("Text/HTML"));
        assert!(prefers("text/*"));
        assert!(prefers("application/json;q=0.5, text/html;q=0.6"));
    }

    #[test]
    fn other_clients_prefer_json() {
        assert!(!prefers_html(&HeaderMap::new()));
        assert!(!prefers("*/*"));
        assert!(!prefers("application/json"));
        assert!(!prefers("text/html;q=0.5, application/json"));
        assert!(!prefers("text/html, application/json"));
        assert!(!prefers("text/html;q=0"));
        assert!(!prefers("text/html;q=high, */*;q=0.1"));
        assert!(!prefers(",;;,"));
    }
}
