//! Where requests are answered: a TCP address or a Unix socket.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// Where requests are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// TCP; port 0 is whatever is free.
    Tcp(SocketAddr),
    /// A Unix socket; a relative path counts from the settings' directory.
    Unix(PathBuf),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some("") => Err("`unix:` needs the path of a socket".to_owned()),
            // A trailing NUL ends the path in the kernel's structure (unix(7)).
            Some(path) if path.len() > 107 => {
                Err(format!("the socket's path has {} bytes, and the system takes 107 at most", path.len()))
            }
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Tcp).map_err(|_| format!("`{text}` is not an address with a port")),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_sockets_read_back_as_written() {
        for text in ["0.0.0.0:8443", "[::1]:8443", "unix:/run/userbridge.sock", "unix:run/u.sock"] {
            assert_eq!(text.parse::<Listen>().unwrap().to_string(), text);
        }
        for text in ["unix:", "8443", "localhost:8443", "/run/userbridge.sock", &format!("unix:/{}", "x".repeat(107))] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }
}
