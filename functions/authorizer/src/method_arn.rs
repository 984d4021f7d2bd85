//! The ARN of the method that is called: `arn:aws:execute-api:<region>:<account>:<api>/<stage>/<method>/<path>` ("Input to an API
//! Gateway Lambda authorizer").

/// The parts of the ARN that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MethodArn<'a> {
    /// The ARN up to the stage.
    pub stage: &'a str,
    /// The method, for the log; `other` if it is none of the API's.
    pub method: &'static str,
    /// The route, for the log: a path can hold a task's id, or whatever a stranger wrote into it.
    pub route: &'static str,
}

const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

impl<'a> MethodArn<'a> {
    pub fn parse(arn: &'a str) -> Option<Self> {
        let mut slashes = arn.match_indices('/').map(|(index, _)| index);
        let (_, end) = (slashes.next()?, slashes.next()?);
        let mut rest = arn.get(end + 1..)?.splitn(2, '/');
        let (method, path) = (rest.next()?, rest.next().unwrap_or_default());
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or("other");
        Some(Self { stage: arn.get(..end)?, method, route: route(path) })
    }
}

fn route(path: &str) -> &'static str {
    let mut parts = path.split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("tasks"), None | Some(""), None) => "/tasks",
        (Some("tasks"), Some(_), None) => "/tasks/{id}",
        (Some("me"), None, None) => "/me",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_taken_apart_without_what_a_stranger_wrote() {
        let stage = "arn:aws:execute-api:eu-west-1:123456789012:abc/dev";
        for (rest, method, route) in [
            ("GET/tasks", "GET", "/tasks"),
            ("POST/tasks/", "POST", "/tasks"),
            ("PUT/tasks/0198", "PUT", "/tasks/{id}"),
            ("GET/me", "GET", "/me"),
            ("GET/tasks/1/secret", "GET", "other"),
            ("GET/secret", "GET", "other"),
            ("GET/", "GET", "other"),
            ("SECRET", "other", "other"),
        ] {
            let arn = format!("{stage}/{rest}");
            assert_eq!(MethodArn::parse(&arn), Some(MethodArn { stage, method, route }), "{rest}");
        }
        for arn in ["", "arn:nonsense", "arn/one"] {
            assert_eq!(MethodArn::parse(arn), None, "{arn}");
        }
    }
}
