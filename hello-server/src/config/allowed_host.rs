//! Hosts that a handler may send requests to: parsing, and matching a URI.

use std::{net::Ipv6Addr, str::FromStr};

use http::{
    Uri,
    uri::{Authority, Scheme},
};

/// A host that a handler may send requests to.
#[derive(Clone, Debug, PartialEq)]
pub struct AllowedHost {
    /// Any if absent.
    scheme: Option<Scheme>,
    /// A name or an address. `*.` at the beginning means all subdomains of the rest.
    host: String,
    /// Any if absent.
    port: Option<u16>,
}

fn default_port(scheme: &Scheme) -> u16 {
    if *scheme == Scheme::HTTPS { 443 } else { 80 }
}

impl FromStr for AllowedHost {
    type Err = String;

    /// Parses `host`, `host:port`, `*.domain`, and the same after `http://` or `https://`, with the port of the scheme as default.
    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || "expected a host as api.example, api.example:443, https://api.example or *.example".to_owned();
        let (scheme, rest) = match text.trim().split_once("://") {
            Some(("http", rest)) => (Some(Scheme::HTTP), rest),
            Some(("https", rest)) => (Some(Scheme::HTTPS), rest),
            Some(_) => return Err(expected()),
            None => (None, text.trim()),
        };
        let authority: Authority = rest.strip_suffix('/').unwrap_or(rest).parse().map_err(|_| expected())?;
        let (host, port) = (authority.host(), authority.port_u16());
        // False if there is a user before the host, or anything but a port after it.
        let is_whole = authority.as_str() == port.map_or(host.to_owned(), |port| format!("{host}:{port}"));
        let is_label = |label: &str| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        let is_address = || {
            host.strip_prefix('[')
                .and_then(|host| host.strip_suffix(']'))
                .is_some_and(|host| host.parse::<Ipv6Addr>().is_ok())
        };
        let is_host = host.strip_prefix("*.").unwrap_or(host).split('.').all(is_label) || is_address();
        if !is_whole || !is_host {
            return Err(expected());
        }
        let port = port.or_else(|| scheme.as_ref().map(default_port));
        Ok(AllowedHost { scheme, host: host.to_ascii_lowercase(), port })
    }
}

impl AllowedHost {
    /// Whether a request to this URI is to this host.
    #[must_use]
    pub fn allows(&self, uri: &Uri) -> bool {
        let Some(authority) = uri.authority() else { return false };
        let scheme = uri.scheme().unwrap_or(&Scheme::HTTP);
        let host = authority.host().to_ascii_lowercase();
        let is_host = match self.host.strip_prefix('*') {
            Some(domain) => host.len() > domain.len() && host.ends_with(domain),
            None => host == self.host,
        };
        is_host
            && self.scheme.as_ref().is_none_or(|allowed| allowed == scheme)
            && self.port.is_none_or(|port| port == authority.port_u16().unwrap_or_else(|| default_port(scheme)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(allowed: &str, uri: &str) -> bool {
        let allowed: AllowedHost = allowed.parse().unwrap_or_else(|error| panic!("{allowed}: {error}"));
        allowed.allows(&uri.parse().expect("a URI"))
    }

    #[test]
    fn scheme_host_and_port_must_match() {
        for (allowed, uri) in [
            ("api.example", "http://api.example/a"),
            (" API.example ", "https://api.example:8443/"),
            ("api.example:443", "https://api.example/"),
            ("api.example:80", "http://api.example/"),
            ("https://api.example:443", "https://api.example/"),
            ("https://api.example/", "https://api.example:443/"),
            ("http://api.example:8080", "http://api.example:8080/"),
            ("*.example", "http://a.b.example/"),
            ("https://*.example", "https://a.example/"),
            ("10.0.0.1:80", "http://10.0.0.1/"),
            ("[::1]:8080", "http://[::1]:8080/"),
            ("my_api-1", "http://my_api-1/"),
        ] {
            assert!(allows(allowed, uri), "{allowed}: {uri}");
        }
        for (allowed, uri) in [
            ("api.example", "http://api.example.evil/"),
            ("api.example:443", "http://api.example/"),
            ("https://api.example", "http://api.example:443/"),
            ("https://api.example", "https://api.example:8443/"),
            ("*.example", "http://example/"),
            ("*.example", "http://.example/"),
            ("*.example", "http://an-example/"),
            ("[::1]", "http://[::2]/"),
        ] {
            assert!(!allows(allowed, uri), "{allowed}: {uri}");
        }
    }

    #[test]
    fn invalid_host_is_rejected() {
        for text in [
            "",
            " ",
            "*",
            "a.*",
            "*.",
            "a..b",
            "ftp://a",
            "://a",
            "https://",
            "https:a",
            "a:",
            "a:b",
            "a:99999",
            "a/b",
            "https://a/b",
            "user@a",
            "https://user:pw@a",
            "::1",
            "[::1",
            "[zz]",
            "a b",
            "https://*:443",
            "a?b",
        ] {
            assert!(text.parse::<AllowedHost>().is_err(), "{text}");
        }
    }
}
