# METADATA
# title: Only listed hosts
# description: Which names intercepted applications may reach that are not governed.
package ostiary.policies.only_listed_hosts

import data.only_listed_hosts as lists

# METADATA
# title: Listed hosts pass
# description: Their bytes go unread. Governed names are governed all the same.
# custom:
#   owner: platform
pass contains {"host": host} if some host in lists.pass

# METADATA
# title: Hosts that are refused by name
# description: Before any that pass by a pattern.
# custom:
#   owner: platform
refuse contains {"host": host, "reason": "This host is on the list of those that applications may not reach."} if some host in lists.refuse

# METADATA
# title: What is not listed is refused
# description: As soon as one host is listed that passes; with an empty list nothing is refused by it.
# custom:
#   owner: platform
refuse contains {"host": "*", "reason": "Only listed hosts can be reached from here."} if count(lists.pass) > 0

# METADATA
# title: The data of this policy is complete
# description: Evaluated once, when the policies are loaded.
invalid contains sprintf("%s is not a list", [key]) if {
	some key in ["pass", "refuse"]
	not is_array(object.get(lists, key, null))
}
