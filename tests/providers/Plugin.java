import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.List;
import java.util.Map;

/** Maps a user as keycloak-user-migration does: these members (version 6.2), and a mapper as it is by default. */
class Plugin {
    public static class LegacyUser {
        public String id;
        public String username;
        public String email;
        public String firstName;
        public String lastName;
        public boolean enabled;
        public boolean emailVerified;
        public Map<String, List<String>> attributes;
        public List<String> roles;
        public List<String> groups;
        public List<String> requiredActions;
        public List<LegacyTotp> totps;
        public List<LegacyOrganization> organizations;
    }

    public static class LegacyTotp {
        public String name;
        public String secret;
        public int digits;
        public int period;
        public String algorithm;
        public String encoding;
    }

    public static class LegacyOrganization {
        public String orgName;
        public String orgAlias;
        public List<LegacyDomain> domains;
    }

    public static class LegacyDomain {
        public String domainName;
        public Boolean isVerified;
    }

    public static void main(String[] arguments) throws Exception {
        LegacyUser user = new ObjectMapper().readValue(System.in, LegacyUser.class);
        System.out.println(String.join(" ", user.id, user.username, user.email, user.firstName, user.lastName)
                + " " + user.enabled + " " + user.emailVerified + " " + user.attributes + " " + user.roles + " " + user.groups);
    }
}
