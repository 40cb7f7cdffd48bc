# METADATA
# title: Residency
# description: Which classes of data may go to which boundary and jurisdiction, as data.
package ostiary.policies.residency

import data.ostiary
import data.residency

# METADATA
# title: Protected data goes where its class permits
# description: |
#   For every class with a finding of its likelihood, the pools that the class
#   permits. Published test values do not count. A policy may lift it for a class
#   that says so.
# custom:
#   owner: data_protection
route contains object.union_n([
	destination(class), {
		"rule": "protected_data",
		"message": class.message,
		"liftable": true,
	},
	bound(class),
]) if {
	count(input.findings.groups) > 0
	some class in residency.classes
	concerns(class)
}

# A class is concerned by a finding of its groups, except where all findings of
# the group are of types that are ordinary when they stand alone, and they do.
concerns(class) if {
	some group in class.groups
	found := input.findings.groups[group].at_least[class.likelihood]
	found > 0
	not ordinary(group, found, class.likelihood)
}

# A type counts as ordinary only in the groups listed for that: a place that is
# a health finding too is not.
ordinary(group, found, likelihood) if {
	group in residency.ordinary.groups
	not beside(likelihood)
	found == sum([n |
		some name in residency.ordinary.names
		tally := input.findings.types[name]
		group in tally.groups
		n := tally.at_least[likelihood]
	])
}

beside(likelihood) if {
	some group in residency.ordinary.beside
	input.findings.groups[group].at_least[likelihood] > 0
}

# A class that does not say that it may be lifted may not.
bound(class) := {} if class.liftable == true

bound(class) := {"liftable": false} if object.get(class, "liftable", false) != true

# One place that is a boundary or a list of jurisdictions is a route as it
# stands; what is either of several is said as the pools that lie there.
destination(class) := class.to[0] if simple(class)

destination(class) := {"pools": pools} if {
	not simple(class)
	pools := [pool.name |
		some pool in input.pools
		some place in class.to
		lies(pool, place)
	]
}

simple(class) if {
	count(class.to) == 1
	count(class.to[0]) == 1
}

lies(pool, place) if {
	object.get(place, "boundary", pool.boundary) == pool.boundary
	within(pool.jurisdiction, place)
}

within(_, place) if not place.jurisdictions

within(jurisdiction, place) if ostiary.within(jurisdiction, place.jurisdictions)

# METADATA
# title: The data of this policy is complete
# description: Evaluated once, when the policies are loaded.
invalid contains "classes is empty: nothing would be protected" if count(residency.classes) == 0

invalid contains sprintf("classes[%d]: %s", [i, problem]) if {
	some i, class in residency.classes
	some problem in problems(class)
}

invalid contains sprintf("ordinary.%s is not a list", [key]) if {
	some key in ["names", "groups", "beside"]
	not is_array(residency.ordinary[key])
}

problems(class) := {problem | some problem in array.flatten([wrong_lists(class), wrong_words(class), wrong_places(class)])}

wrong_lists(class) := [sprintf("%s is not a list with members", [key]) |
	some key in ["groups", "to"]
	not filled(object.get(class, key, null))
]

wrong_words(class) := [problem |
	some problem, right in {
		"likelihood is none of very_unlikely, unlikely, possible, likely, very_likely": is_likelihood(object.get(class, "likelihood", null)),
		"message is not a sentence for the caller": trim_space(object.get(class, "message", "")) != "",
		"liftable is not true or false": is_boolean(object.get(class, "liftable", false)),
	}
	not right
]

is_likelihood(word) := word in ["very_unlikely", "unlikely", "possible", "likely", "very_likely"]

wrong_places(class) := [problem |
	some i, place in class.to
	some problem in array.concat(
		[sprintf("to[%d] has a key %q that is none of boundary, jurisdictions", [i, key]) |
			some key in object.keys(place)
			not key in {"boundary", "jurisdictions"}
		],
		[sprintf("to[%d] is empty and would permit every pool", [i]) | count(place) == 0],
	)
]

filled(list) if {
	is_array(list)
	count(list) > 0
}
