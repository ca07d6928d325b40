//! The page at `/` for browsers: one document without external resources, which works without JavaScript.

use std::borrow::Cow;

use axum::{
    http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS},
    response::{Html, IntoResponse, Response},
};

use crate::{
    build_info::VERSION,
    platform::{DEFAULT_COLOR, Platform},
};

const TEMPLATE: &str = include_str!("page.html");

/// Content security policy. It allows the page's one style and one script by their hashes, so that injected markup has no effect. After a
/// change of the page, a test prints the new hashes.
const POLICY: &str = "default-src 'none'; \
    style-src 'sha256-d/q4NpEjPu5GUQXBkxew4Yfpbymd8RMN5ZwdNnlwgSs='; \
    script-src 'sha256-5bzW0/e+BLLg4+a3NVfv5SJC2ZHyWL1YUxjBvWIPNek='; \
    connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) fn response(platform: &dyn Platform) -> Response {
    let headers =
        [(CONTENT_SECURITY_POLICY, POLICY), (X_CONTENT_TYPE_OPTIONS, "nosniff"), (REFERRER_POLICY, "no-referrer")];
    (headers, Html(render(platform))).into_response()
}

fn render(platform: &dyn Platform) -> String {
    let color = platform.color().filter(|color| is_color(color));
    let values = [
        ("message", platform.greeting()),
        ("color", color.map_or(DEFAULT_COLOR.into(), Cow::Owned)),
        ("runtime", platform.runtime().into()),
        ("version", VERSION.into()),
        ("hostname", platform.hostname().map_or("unknown".into(), Cow::Owned)),
    ];
    let mut page = String::with_capacity(TEMPLATE.len() + 256);
    for (index, part) in TEMPLATE.split("{{").enumerate() {
        match part.split_once("}}") {
            Some((name, rest)) if index > 0 => {
                let value = values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value.as_ref());
                escape_into(&mut page, value);
                page.push_str(rest);
            }
            _ => page.push_str(part),
        }
    }
    page
}

/// Whether this is a CSS colour name, or `#` with 3, 4, 6 or 8 hexadecimal digits; a setting must not add other styles.
fn is_color(text: &str) -> bool {
    match text.strip_prefix('#') {
        Some(digits) => matches!(digits.len(), 3 | 4 | 6 | 8) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic()),
    }
}

fn escape_into(page: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => page.push_str("&amp;"),
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '"' => page.push_str("&quot;"),
            '\'' => page.push_str("&#39;"),
            other => page.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base64::{Engine, prelude::BASE64_STANDARD};
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::platform::Sleep;

    struct Settings {
        message: &'static str,
        color: &'static str,
    }

    impl Platform for Settings {
        fn runtime(&self) -> &'static str {
            "native"
        }
        fn hostname(&self) -> Option<String> {
            Some("pod-1".into())
        }
        fn message(&self) -> Option<String> {
            Some(self.message.into())
        }
        fn color(&self) -> Option<String> {
            Some(self.color.into())
        }
        fn sleep(&self, _: Duration) -> Sleep {
            Box::pin(async {})
        }
    }

    fn page(message: &'static str, color: &'static str) -> String {
        render(&Settings { message, color })
    }

    #[test]
    fn policy_has_the_hashes_of_style_and_script() {
        for element in ["style", "script"] {
            let (_, start) = TEMPLATE.split_once(&format!("<{element}>")).expect("one of each");
            let (text, rest) = start.split_once(&format!("</{element}>")).expect("an end");
            assert!(!text.contains("{{") && !rest.contains(&format!("<{element}")), "one of each, always the same");
            let allowed = format!("{element}-src 'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)));
            assert!(POLICY.contains(&allowed), "the page has changed; POLICY needs {allowed}");
        }
    }

    #[test]
    fn every_placeholder_is_filled() {
        let page = page("hi", "teal");
        assert!(!page.contains("{{") && !page.contains("}}"));
        for value in ["hi", "teal", "native", VERSION, "pod-1"] {
            assert!(page.contains(value), "{value}");
        }
    }

    #[test]
    fn settings_cannot_add_markup_or_style() {
        let page = page("<script>alert('x')</script> & \"{{color}}\"", "red;} body{display:none");
        assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;{{color}}&quot;"));
        assert!(!page.contains("display:none"));
        assert!(page.contains(DEFAULT_COLOR));
    }

    #[test]
    fn colors_are_names_or_hexadecimal() {
        for color in ["teal", "#fff", "#326ce5", "#326ce580"] {
            assert!(is_color(color), "{color}");
        }
        for other in ["", "#", "#12", "#12345", "url(x)", "red;", "#ggg"] {
            assert!(!is_color(other), "{other}");
        }
    }
}
