//! The role that a rescue makes: CloudFormation alone may assume it, for this stack alone, and it may do what the plan says.

use aws_sdk_iam::types::{Role, Tag};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    account::error::AwsError,
    cli::failure::Failure,
    rescue::{
        Account,
        policy::Policy,
        subject::{Place, name_in},
    },
};

const PATH: &str = "/stack-rescue/";
/// Marks a role as one that was made for a stack, whose id is the value.
const TAG: &str = "stack-rescue:stack";
const POLICY: &str = "stack-rescue";
/// The longest name of a role ("`CreateRole`").
const LONGEST: usize = 64;
/// The longest list of stacks that a role's trust names, which has room for 2,048 characters.
const LONGEST_TRUST: usize = 1_200;

/// The role of a stack, made or not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MadeRole {
    pub name: String,
    pub arn: String,
    /// The id of the stack that it is for.
    stack_id: String,
}

impl MadeRole {
    pub fn of(stack_id: &str, place: &Place) -> Self {
        let digest = hex::encode(Sha256::digest(stack_id.as_bytes()));
        let (stack, short) = (name_in(stack_id), &digest[..8]);
        let head: String = stack.chars().take(LONGEST - short.len() - 1).collect();
        let name = format!("{head}-{short}");
        let arn = place.global("iam", &format!("role{PATH}{name}"));
        Self { name, arn, stack_id: stack_id.to_owned() }
    }

    /// Returns the commands that remove it by hand.
    pub fn removal(&self) -> String {
        let name = &self.name;
        format!(
            "aws iam delete-role-policy --role-name {name} --policy-name {POLICY}; aws iam delete-role --role-name {name}"
        )
    }

    /// Tells whether it is there, made for this very stack. One without the mark is somebody else's, and refused.
    pub async fn is_there(&self, account: &Account<'_>) -> Result<bool, Failure> {
        Ok(self.found(account).await?.is_some())
    }

    async fn found(&self, account: &Account<'_>) -> Result<Option<Role>, Failure> {
        let got = account.stacks.iam.get_role().role_name(&self.name).send().await.map_err(AwsError::from);
        let role = match got {
            Ok(got) => got.role,
            Err(error) if error.is("NoSuchEntity") => return Ok(None),
            Err(error) => return Err(error.stop(&format!("reading the role {}", self.name))),
        };
        let Some(role) = role else { return Ok(None) };
        let ours = role.path() == PATH
            && role.tags().iter().any(|tag| tag.key() == TAG && tag.value() == self.stack_id);
        if ours {
            return Ok(Some(role));
        }
        Err(Failure::refused(format!(
            "there is a role {} that was not made for this stack: it lacks the path {PATH} or the tag {TAG}",
            role.arn()
        ))
        .next("name a role that may be used: --role-arn ARN"))
    }

    /// Makes the role, or takes the one that an earlier try left, with exactly this policy; `None` allows nothing at all.
    pub async fn make(
        &self,
        account: &Account<'_>,
        trust: &str,
        policy: Option<&Policy>,
        boundary: Option<&str>,
    ) -> Result<(), Failure> {
        match self.found(account).await? {
            Some(_) => self.take_over(account, trust, boundary).await?,
            None => self.create(account, trust, boundary).await?,
        }
        self.grant(account, policy).await
    }

    async fn create(
        &self,
        account: &Account<'_>,
        trust: &str,
        boundary: Option<&str>,
    ) -> Result<(), Failure> {
        let tag = Tag::builder().key(TAG).value(&self.stack_id).build();
        let tag = tag.map_err(|error| Failure::failed(error.to_string()))?;
        let create = account.stacks.iam.create_role().path(PATH).role_name(&self.name);
        let create = create.assume_role_policy_document(trust).tags(tag);
        let create = create.description("Deletes one stuck stack; made by taskctl rescue");
        let create = create.set_permissions_boundary(boundary.map(str::to_owned));
        match create.send().await.map_err(AwsError::from) {
            Ok(_) => Ok(()),
            // A call that was answered late had made it.
            Err(error) if error.is("EntityAlreadyExists") => self.take_over(account, trust, boundary).await,
            Err(error) => Err(error.stop(&format!("making the role {}", self.name))),
        }
    }

    async fn take_over(
        &self,
        account: &Account<'_>,
        trust: &str,
        boundary: Option<&str>,
    ) -> Result<(), Failure> {
        if self.found(account).await?.is_none() {
            return Err(Failure::failed(format!("the role {} is not there yet", self.name))
                .next("run it again in a minute"));
        }
        let iam = &account.stacks.iam;
        let doing = |error: AwsError| error.stop(&format!("setting up the role {}", self.name));
        let attached = iam.list_attached_role_policies().role_name(&self.name).send().await;
        let attached = attached.map_err(AwsError::from).map_err(doing)?;
        if let Some(other) = attached.attached_policies().first() {
            return Err(Failure::refused(format!(
                "somebody attached {} to the role {}: it may do more than the plan says",
                other.policy_arn().unwrap_or("a policy"),
                self.name
            ))
            .next("detach it, then run it again"));
        }
        let update = iam.update_assume_role_policy().role_name(&self.name).policy_document(trust);
        update.send().await.map_err(AwsError::from).map_err(doing)?;
        if let Some(boundary) = boundary {
            let put = iam.put_role_permissions_boundary().role_name(&self.name);
            put.permissions_boundary(boundary).send().await.map_err(AwsError::from).map_err(doing)?;
        }
        Ok(())
    }

    /// Gives it exactly this policy.
    pub async fn grant(&self, account: &Account<'_>, policy: Option<&Policy>) -> Result<(), Failure> {
        let document = policy.and_then(Policy::document);
        for name in self.policies(account).await? {
            if name != POLICY || document.is_none() {
                self.drop_policy(account, &name).await?;
            }
        }
        if let Some(document) = document {
            let put = account.stacks.iam.put_role_policy().role_name(&self.name).policy_name(POLICY);
            let put = put.policy_document(document).send().await.map_err(AwsError::from);
            put.map_err(|error| error.stop(&format!("giving the role {} its policy", self.name)))?;
        }
        Ok(())
    }

    async fn policies(&self, account: &Account<'_>) -> Result<Vec<String>, Failure> {
        let (mut names, mut marker) = (Vec::new(), None);
        loop {
            let page = account.stacks.iam.list_role_policies().role_name(&self.name).set_marker(marker);
            let page = match page.send().await.map_err(AwsError::from) {
                Ok(page) => page,
                Err(error) if error.is("NoSuchEntity") => return Ok(names),
                Err(error) => return Err(error.stop(&format!("reading the role {}", self.name))),
            };
            names.extend(page.policy_names);
            marker = page.marker;
            if marker.is_none() {
                return Ok(names);
            }
        }
    }

    async fn drop_policy(&self, account: &Account<'_>, policy: &str) -> Result<(), Failure> {
        let delete = account.stacks.iam.delete_role_policy().role_name(&self.name).policy_name(policy);
        match delete.send().await.map_err(AwsError::from) {
            Ok(_) => Ok(()),
            Err(error) if error.is("NoSuchEntity") => Ok(()),
            Err(error) => Err(error.stop(&format!("taking the role {} its policy", self.name))),
        }
    }

    /// Removes it, if it is there. Before its stack is gone, that would make the very stack that cannot be deleted.
    pub async fn remove(&self, account: &Account<'_>) -> Result<bool, Failure> {
        if self.found(account).await?.is_none() {
            return Ok(false);
        }
        self.grant(account, None).await?;
        let delete = account.stacks.iam.delete_role().role_name(&self.name).send().await;
        match delete.map_err(AwsError::from) {
            Ok(_) => Ok(true),
            Err(error) if error.is("NoSuchEntity") => Ok(true),
            Err(error) => Err(error.stop(&format!("removing the role {}", self.name))),
        }
    }
}

/// Returns the trust of the role: CloudFormation alone, and where it says for whom it acts, for these stacks alone. It is not
/// documented that it says so for a stack, and a role that nobody can assume would be of no use, hence `…IfExists`.
pub fn trust(stack_ids: &[&str], place: &Place) -> String {
    let stacks: Vec<Value> = if stack_ids.iter().map(|id| id.len()).sum::<usize>() <= LONGEST_TRUST {
        stack_ids.iter().map(|&id| json!(id)).collect()
    } else {
        vec![json!(place.arn("cloudformation", "stack/*"))]
    };
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"Service": "cloudformation.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEqualsIfExists": {"aws:SourceAccount": place.account},
            "ArnLikeIfExists": {"aws:SourceArn": stacks},
        },
    }]})
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, MadeRole, trust};
    use crate::rescue::subject::Place;

    fn id(name: &str) -> String {
        format!("arn:aws:cloudformation:eu-west-1:111122223333:stack/{name}/0a1b")
    }

    #[test]
    fn a_stack_has_one_role_of_its_own() {
        let place = Place::of(&id("shop")).expect("a place");
        let role = MadeRole::of(&id("shop"), &place);
        assert_eq!(role, MadeRole::of(&id("shop"), &place));
        assert_ne!(role.name, MadeRole::of(&format!("{}c", id("shop")), &place).name);
        assert!(role.name.starts_with("shop-") && role.name.len() == "shop-".len() + 8, "{}", role.name);
        assert_eq!(role.arn, format!("arn:aws:iam::111122223333:role/stack-rescue/{}", role.name));
        assert_eq!(MadeRole::of(&id(&"x".repeat(128)), &place).name.len(), LONGEST);
    }

    #[test]
    fn only_cloudformation_and_only_for_these_stacks_may_assume_it() {
        let place = Place::of(&id("shop")).expect("a place");
        let (root, child) = (id("shop"), id("shop-Child"));
        let few = trust(&[&root, &child], &place);
        assert!(few.contains("cloudformation.amazonaws.com") && few.contains(&child), "{few}");
        assert!(few.contains(r#""aws:SourceAccount":"111122223333""#), "{few}");
        let ids = vec![root.as_str(); 40];
        let many = trust(&ids, &place);
        assert!(many.contains("111122223333:stack/*") && many.len() < 2_048, "{many}");
    }
}
